from __future__ import annotations

import pytest

from mmdesra.files import ImageError, ImageFolder, list_images, read_image


def touch(folder, *names):
    for name in names:
        (folder / name).touch()


def test_images_are_listed_by_name_and_nothing_else_is(tmp_path):
    touch(tmp_path, 'b.png', 'a.JPG', 'c.webp', 'notes.txt', '.hidden.png', '.b.png.7.part',
          'Thumbs.db', 'no_suffix')
    (tmp_path / 'folder.png').mkdir()
    (tmp_path / 'folder.png' / 'd.png').touch()
    assert list_images(str(tmp_path)) == [tmp_path / name for name in ('a.JPG', 'b.png', 'c.webp')]


def test_stems_may_hold_dots(tmp_path):
    touch(tmp_path, 'a.png', 'a.b.png', 'a.c.jpg')
    assert len(list_images(tmp_path)) == 3


@pytest.mark.parametrize('names', [(), ('notes.txt',), ('.hidden.png',)])
def test_a_folder_without_images_is_an_error(tmp_path, names):
    touch(tmp_path, *names)
    with pytest.raises(ImageError, match=r'holds no image \(\.'):
        list_images(tmp_path)


@pytest.mark.parametrize('name, found', [('missing', 'nothing'), ('a.png', 'a file')])
def test_what_is_no_folder_is_an_error(tmp_path, name, found):
    touch(tmp_path, 'a.png')
    with pytest.raises(ImageError, match=f'{name}: expected a folder of images, found {found}'):
        list_images(tmp_path / name)


@pytest.mark.parametrize('second', ['a.jpg', 'a.PNG'])
def test_two_images_of_one_stem_are_named_and_the_others_stay(tmp_path, second):
    touch(tmp_path, 'a.png', second, 'b.png')
    paths = list_images(tmp_path)
    assert {path.name for path in paths} == {'a.png', second, 'b.png'}
    for path in paths[:2]:
        with pytest.raises(ImageError, match=f"{path.name}: shares the stem 'a' with .*rename"):
            read_image(path)
    with pytest.raises(ImageError, match="holds several images named 'a': .*rename one"):
        ImageFolder(tmp_path).find('a')


@pytest.mark.parametrize('name', ['a.png', 'a.jpg', 'a.TIFF', 'a.Png'])
def test_whatever_is_listed_is_found_by_its_stem(tmp_path, name):
    touch(tmp_path, name, 'ab.png', 'a.b.png', 'a.txt', 'A.png')
    for path in list_images(tmp_path):
        assert ImageFolder(str(tmp_path)).find(path.stem) == path


@pytest.mark.parametrize('stem', ['photo [1]', 'a*', 'ä?', '100%', '-x'])
@pytest.mark.parametrize('suffix', ['.png', '.Png'])
def test_stems_are_no_patterns(tmp_path, stem, suffix):
    touch(tmp_path, 'photo 1.Png', 'abc.Png', 'äb.Png')
    with pytest.raises(ImageError):
        ImageFolder(tmp_path).find(stem)
    touch(tmp_path, stem + suffix)
    assert ImageFolder(tmp_path).find(stem) == tmp_path / (stem + suffix)


@pytest.mark.parametrize('folder', ['.', 'missing'])
def test_no_image_of_the_stem_is_an_error(tmp_path, folder):
    touch(tmp_path, 'b.png', 'a.txt', 'a.b.Png')
    (tmp_path / 'a.png').mkdir()
    with pytest.raises(ImageError, match="holds no image named 'a'"):
        ImageFolder(tmp_path / folder).find('a')
