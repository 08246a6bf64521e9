"""What is taken for an image, how it is named, and what is said of the rest."""
from __future__ import annotations

import os
import pickle
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmdesra.files import (
    IMAGE_SUFFIXES,
    ImageError,
    ImageFolder,
    collect_images,
    image_name,
    list_images,
    list_inputs,
    read_image,
    shown_name,
)
from mmdesra.files import listing as listing_file
from mmdesra.files.decoding import HAS_AVIF
from mmdesra.files.image_path import existing_form, name_of_file, stem_of
from mmdesra.files.inputs import refuse_inside
from mmdesra.files.left_out import COMPANIONS

COMPOSED, APART = (unicodedata.normalize(form, 'café') for form in ('NFC', 'NFD'))


def touch(folder, *names):
    for name in names:
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def names(paths):
    return [image_name(path) for path in paths]


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.name == 'mmdesra']


# --- What is said -------------------------------------------------------------------------------


def test_what_is_left_out_is_said_once(tmp_path, caplog):
    touch(tmp_path, 'a.png', *(f'{k}.heic' for k in range(5)), 'x.NEF', 'IMG_1', 'sub/b.png',
          'sub/deeper/c.jpg', 'sub/deeper/notes.txt')
    for _ in range(5):
        assert names(list_images(tmp_path)) == ['a']
    message, = said(caplog)
    assert message == (
        f'{tmp_path}: 7 files are left out: 0.heic, 1.heic, 2.heic and 2 more (.heic is not '
        'read), IMG_1 (no suffix says what it is), x.NEF (.nef is not read); save them as PNG, '
        'JPEG, TIFF or WebP to have them read; 2 images in sub-folders are not read; --recursive '
        '(in Python recursive=True) takes them')
    assert list_inputs(tmp_path).left_out == [message]


@pytest.mark.parametrize('name', [
    'Thumbs.db', 'desktop.ini', '.DS_Store', '.hidden.heic', 'notes.txt', 'README', 'LICENSE',
    'labels.json', 'photos.CSV', 'a.xmp', '@eaDir/a.png', '__MACOSX/b.png', '.git/c.png'])
def test_what_nobody_misses_is_not_mentioned(tmp_path, caplog, name):
    touch(tmp_path, 'a.png', name)
    for recursive in (False, True):
        assert names(list_images(tmp_path, recursive)) == ['a']
    assert not said(caplog)


def test_other_contents_are_told_anew(tmp_path, caplog):
    list_images(touch(tmp_path, 'a.png', 'b.heic'))
    list_images(touch(tmp_path, 'c.heic'))
    assert len(said(caplog)) == 2


@pytest.mark.parametrize('rank, count', [('0', 1), ('1', 0)])
def test_one_of_several_processes_speaks(tmp_path, caplog, monkeypatch, rank, count):
    for name, value in dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE='2').items():
        monkeypatch.setenv(name, value)
    list_images(touch(tmp_path, 'a.png', 'b.heic'))
    assert len(said(caplog)) == count


def test_many_images_below_are_not_all_counted(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(listing_file, 'MAX_ENTRIES_BELOW', 3)
    list_images(touch(tmp_path, 'a.png', *(f'sub/{k}.png' for k in range(5))))
    assert 'more than 3 images in sub-folders are not read' in said(caplog)[0]


@pytest.mark.parametrize('names, message', [
    (['b.heic', 'c.mp4'], r'holds no image \(.*2 files are left out: b.heic \(.heic is not read'),
    (['sub/a.png'], r'holds no image \(.*1 image in sub-folders is not read; --recursive .* it$')])
def test_a_folder_without_images_says_what_it_holds(tmp_path, names, message):
    with pytest.raises(ImageError, match=message):
        list_images(touch(tmp_path, *names))


@pytest.mark.parametrize('target', ['/nowhere/f.png', 'f.png', '../gone'])
def test_a_broken_link_is_an_image_that_cannot_be_read(tmp_path, target):
    touch(tmp_path, 'a.png')
    (tmp_path / 'f.png').symlink_to(target)
    paths = list_images(tmp_path)
    assert names(paths) == ['a', 'f']
    with pytest.raises(ImageError, match=f'f.png: is a link to {target}, which does not exist'):
        read_image(paths[1])


def test_what_is_neither_file_nor_folder_is_left_out(tmp_path, caplog):
    touch(tmp_path, 'a.png')
    os.mkfifo(tmp_path / 'pipe.png')  # opening it would wait for ever
    assert names(list_images(tmp_path)) == ['a']
    assert 'pipe.png (neither file nor folder)' in said(caplog)[0]


# --- Formats ------------------------------------------------------------------------------------


@pytest.mark.parametrize('suffix, image_format', [
    ('.jfif', 'JPEG'), ('.jpe', 'JPEG'), ('.JFIF', 'JPEG'), ('.gif', 'GIF'), ('.dib', 'DIB'),
    ('.pgm', 'PPM'), ('.pnm', 'PPM'), ('.apng', 'PNG'), ('.png', 'JPEG'), ('.jpg', 'PNG'),
    pytest.param('.avif', 'AVIF', marks=pytest.mark.skipif(not HAS_AVIF, reason='no AVIF'))])
def test_formats_are_listed_and_read(tmp_path, suffix, image_format):
    image = Image.fromarray(np.full((16, 16, 3), 90, np.uint8))
    image.save(tmp_path / f'a{suffix}', image_format)
    path, = list_images(tmp_path)
    np.testing.assert_allclose(read_image(path).astype(int), 90, atol=2)
    assert ImageFolder(tmp_path).find('a') == path == collect_images(path)[0]


def test_no_companion_is_an_image():
    assert COMPANIONS.isdisjoint(IMAGE_SUFFIXES)


# --- Names --------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_characters='/\0', exclude_categories=('Cs',)), min_size=1)
       .filter(lambda name: name.strip('.')))
def test_a_stem_is_that_of_pathlib(name):
    if not name.endswith('.'):  # Python 3.14 sees a suffix there
        assert stem_of(name) == Path(name).stem


def test_names_with_sub_folders(tmp_path):
    touch(tmp_path, 'b.png', 'x/a.jpg', 'y/a.png', 'x-/c.png')
    paths = list_images(tmp_path, recursive=True)
    assert [shown_name(path) for path in paths] == ['b.png', 'x/a.jpg', 'x-/c.png', 'y/a.png']
    assert names(paths) == ['b', 'x/a', 'x-/c', 'y/a']
    assert paths == [tmp_path / shown_name(path) for path in paths]
    assert list_inputs(tmp_path, recursive=True).open_ended == [tmp_path]


def test_a_path_of_its_own_is_named_by_its_stem():
    assert image_name(Path('x/a.b.png')) == 'a.b' and shown_name(Path('x/a.b.png')) == 'a.b.png'
    assert name_of_file('x.y/a.b.png') == 'x.y/a.b'


def test_a_listed_path_travels_with_its_name(tmp_path):
    path = list_images(touch(tmp_path, 'x/a.png', 'x/a.jpg'), recursive=True)[0]
    copied = pickle.loads(pickle.dumps(path))
    assert copied == path and hash(copied) == hash(Path(str(path)))
    assert (copied.inside, copied.refusal) == (path.inside, path.refusal) and path.refusal


def test_two_forms_of_unicode_are_one_name(tmp_path):
    touch(tmp_path, f'{COMPOSED}.png', f'{APART}.jpg', 'b.png')
    paths = list_images(tmp_path)
    assert sorted(names(paths)) == ['b', COMPOSED, COMPOSED]
    for path in paths:
        if path.name != 'b.png':
            with pytest.raises(ImageError, match='shares the stem .*two forms of Unicode.*'):
                read_image(path)


def test_stems_that_differ_in_case_are_two(tmp_path):
    paths = list_images(touch(tmp_path, 'a.png', 'A.png'))
    assert sorted(names(paths)) == ['A', 'a'] and not any(path.refusal for path in paths)


def test_links_in_a_circle_and_twice_are_read_once(tmp_path, caplog):
    touch(tmp_path, 'x/a.png')
    (tmp_path / 'x/up').symlink_to(tmp_path)
    (tmp_path / 'y').symlink_to('x')
    assert len(list_images(tmp_path, recursive=True)) == 1
    assert 'links to folders that are read already' in said(caplog)[0]
    assert len(collect_images(f'{tmp_path}/**/*.png')) == 1


# --- Inputs -------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path):
    return touch(tmp_path / 'photos [1]', 'a.jpg', 'B.JPG', 'x/a.jpg', 'x/c.png', 'y/z/d.jpg',
                 'x/notes.txt', 'x/e.heic')


@pytest.mark.parametrize('pattern, expected', [
    ('**/*.jpg', ['a', 'x/a', 'y/z/d']), ('*/*.jpg', ['x/a']), ('*.[jJ]*', ['B', 'a']),
    ('x/*.jpg', ['x/a']), ('**/[ac].*', ['a', 'x/a', 'x/c']), ('x/*', ['x/a', 'x/c']),
    ('**', ['B', 'a', 'x/a', 'x/c', 'y/z/d']), ('*', ['B', 'a', 'x/a', 'x/c'])])
def test_patterns(photos, monkeypatch, pattern, expected):
    """A folder whose name has brackets is not taken for a pattern, but must be escaped in one."""
    monkeypatch.chdir(photos.parent)
    plain = photos.rename('photos')
    found = collect_images(f'photos/{pattern}')
    assert [f'{Path(path).relative_to(plain).with_suffix("").as_posix()}' for path in found
            ] == expected
    prefix = 'x/' if pattern.startswith('x/') else ''
    assert [prefix + name for name in names(found)] == expected


def test_a_pattern_that_fits_nothing_is_an_error(photos):
    with pytest.raises(ImageError, match=r'a pattern of image files \(.*found none that it fits$'):
        collect_images(f'{photos.parent}/nowhere*/*.png')
    with pytest.raises(ImageError, match='it fits; 1 file is left out: .*x/e.heic'):
        collect_images(f'{photos.parent}/*/*/*.heic')


def test_a_folder_with_brackets_is_no_pattern(photos):
    assert names(collect_images(photos)) == ['B', 'a']


def test_what_a_shell_makes_of_a_pattern(photos, caplog):
    """Files of one name in two folders get their folder's name; others are left out and said."""
    inputs = [photos / name for name in ('a.jpg', 'x/a.jpg', 'x/e.heic', 'x/notes.txt')]
    listing = list_inputs(inputs)
    assert names(listing.paths) == ['a', 'x/a'] and listing.root == photos
    assert 'e.heic (.heic is not read)' in said(caplog)[0] and 'notes.txt' in said(caplog)[0]
    assert names(collect_images(inputs[1:2])) == ['a']
    assert names(collect_images([photos / 'a.jpg', photos / 'y/z/d.jpg'])) == ['a', 'd']


def test_one_of_several_folders_may_be_empty_and_this_is_said(photos, caplog):
    empty, raw = photos.parent / 'empty', touch(photos.parent / 'raw', 'a.nef')
    empty.mkdir()
    assert names(collect_images([photos, empty, raw])) == ['B', 'a']
    assert [message.partition(str(photos.parent))[2] for message in said(caplog)[1:]] == [
        '/empty: holds no image',
        ('/raw: holds no image; 1 file is left out: a.nef (.nef is not read); save them as PNG, '
         'JPEG, TIFF or WebP to have them read')]
    with pytest.raises(ImageError, match='empty: holds no image; .*raw: holds no image'):
        collect_images([empty, raw])


def test_what_is_named_twice_is_taken_once(photos):
    assert names(collect_images([photos, photos / 'a.jpg', f'{photos}/../{photos.name}'])
                 ) == ['B', 'a']


def test_what_was_typed_wrongly_stops_the_run(photos):
    with pytest.raises(ImageError, match='gone.png: expected a folder of images, or an image'):
        collect_images([photos / 'a.jpg', photos / 'gone.png'])


@pytest.mark.parametrize('written, is_refused', [
    ('photos/out', True), ('photos', True), ('photos_out', False), ('.', False)])
def test_results_do_not_go_where_all_sub_folders_are_read(tmp_path, written, is_refused):
    (tmp_path / 'photos').mkdir()
    if is_refused:
        with pytest.raises(ValueError, match='whose sub-folders are read, too'):
            refuse_inside(tmp_path / written, [tmp_path / 'photos'])
    else:
        refuse_inside(tmp_path / written, [tmp_path / 'photos'])


# --- Partners -----------------------------------------------------------------------------------


@pytest.mark.parametrize('here, there', [(COMPOSED, APART), (APART, COMPOSED), (APART, APART)])
@pytest.mark.parametrize('folder', ['', COMPOSED, APART])
def test_partners_in_other_forms_of_unicode_are_found(tmp_path, here, there, folder):
    image, = list_images(touch(tmp_path / 'a', f'{folder}/{here}.png'.lstrip('/')), recursive=True)
    other = unicodedata.normalize('NFC' if folder == APART else 'NFD', folder)
    touch(tmp_path / 'b', f'{other}/{there}.PNG'.lstrip('/'), 'cafe.png')
    found = ImageFolder.checked(tmp_path / 'b').find(image_name(image))
    assert (found.name, found.parent.name) == (f'{there}.PNG', other or 'b')


def test_a_partner_is_not_looked_for_in_other_folders(tmp_path):
    folder = ImageFolder(touch(tmp_path, 'a.png', 'x/b.png'))
    assert folder.find('x/b') == tmp_path / 'x/b.png' and folder.has('x/b')
    for name in ('b', 'x/a', 'y/a', 'x', 'A'):
        assert not folder.has(name)
        with pytest.raises(ImageError, match=f"holds no image named '{name}'"):
            folder.find(name)


@pytest.mark.parametrize('other, message', [
    ('a.npy', r"holds no image named 'a' .*; a.npy is there, but .npy is not read"),
    ('a', r"holds no image named 'a' .*; a is there, but no suffix says")])
def test_a_partner_that_is_not_read_is_named(tmp_path, other, message):
    with pytest.raises(ImageError, match=message):
        ImageFolder.checked(touch(tmp_path, other, 'b.png')).find('a')


def test_a_partner_that_is_a_broken_link_is_named(tmp_path):
    (tmp_path / 'a.png').symlink_to('/nowhere/a.png')
    with pytest.raises(ImageError, match='a.png: is a link to /nowhere/a.png'):
        ImageFolder(tmp_path).find('a')


def test_a_partner_may_come_later(tmp_path):
    folder = ImageFolder(touch(tmp_path, 'a.png'))
    assert not folder.has('b')
    touch(tmp_path, 'b.png')
    os.utime(tmp_path, ns=(1, 1))  # whatever the grain of this disk's times
    assert folder.has('b')


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text('aé\u0301b./', min_size=1, max_size=6), min_size=1, max_size=6))
def test_whatever_is_listed_is_found_by_its_name_or_refused(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp('any')
    for name in files:
        parts = [part.strip('.') or 'p' for part in f'{name}q'.split('/')]
        path = folder.joinpath(*parts[:-1], f'{parts[-1]}.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch()
    partners = ImageFolder(folder)
    for path in list_images(folder, recursive=True):
        if path.refusal:
            assert 'shares the stem' in path.refusal
        elif path.parent.relative_to(folder).as_posix().isascii():
            assert partners.find(image_name(path)) == path


@pytest.mark.parametrize('made, asked', [(COMPOSED, APART), (APART, COMPOSED)])
def test_a_file_is_found_in_either_form(tmp_path, made, asked):
    touch(tmp_path, f'{made}.png')
    assert existing_form(tmp_path, f'{asked}.png') == tmp_path / f'{made}.png'
    assert existing_form(tmp_path, f'{asked}2.png') == tmp_path / f'{asked}2.png'


def test_a_large_folder_takes_no_look_at_each_file(tmp_path, monkeypatch):
    touch(tmp_path, *(f'{k}.png' for k in range(50)))
    calls = []
    stat = os.stat
    monkeypatch.setattr(os, 'stat', lambda path, *rest, **more: calls.append(path) or stat(
        path, *rest, **more))
    assert len(list_images(tmp_path)) == 50
    assert len(calls) < 10


def test_partners_that_a_pattern_names(tmp_path):
    touch(tmp_path, 'a/x/p.png', 'a/x/q.jpg', 'a/x/q.png', f'a/{APART}.png')
    partners = ImageFolder.checked(f'{tmp_path}/a/**/*.*')
    assert partners.find('x/p') == tmp_path / 'a/x/p.png' and partners.find(COMPOSED)
    assert partners.has('x/q') and not partners.has('p') and len(partners.paths()) == 3
    for name, message in (('x/q', "shares the stem 'q'"), ('p', "holds no image named 'p'")):
        with pytest.raises(ImageError, match=message):
            partners.find(name)
