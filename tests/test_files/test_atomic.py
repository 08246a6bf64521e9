from __future__ import annotations

import pytest

from mmdesra.files import (
    atomic_path,
    list_images,
    make_output_folder,
    remove_parts,
    write_bytes,
    write_text,
)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / 'a.txt'
    with atomic_path(str(path)) as part:
        part.write_text('half')
        assert not path.exists()
        part.write_text('whole')
    assert contents(tmp_path) == {'a.txt': b'whole'}


def test_an_old_file_is_replaced(tmp_path):
    for content in (b'old and long', b'new'):
        write_bytes(tmp_path / 'a.bin', content)
    assert contents(tmp_path) == {'a.bin': b'new'}


def test_text_is_utf_8_and_its_line_ends_stay(tmp_path):
    write_text(tmp_path / 'a.txt', 'σ\r\nD\n')
    assert contents(tmp_path) == {'a.txt': 'σ\r\nD\n'.encode()}


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize('old', [{}, {'a.txt': b'old'}])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error, old):
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error), atomic_path(tmp_path / 'a.txt') as part:
        part.write_text('half')
        raise error
    assert contents(tmp_path) == old


def test_a_writer_that_wrote_nothing_is_an_error(tmp_path):
    (tmp_path / 'a.txt').write_text('old')
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / 'a.txt'):
        pass
    assert contents(tmp_path) == {'a.txt': b'old'}


def test_a_folder_of_that_name_is_an_error_and_stays(tmp_path):
    (tmp_path / 'a.txt').mkdir()
    with pytest.raises(OSError, match='a.txt'):
        write_bytes(tmp_path / 'a.txt', b'new')
    assert [path.is_dir() for path in tmp_path.iterdir()] == [True]


def test_what_a_killed_writer_left_is_no_image_and_can_be_removed(tmp_path):
    write_bytes(tmp_path / 'a.png', b'whole')
    writer = atomic_path(tmp_path / 'a.png')
    writer.__enter__().write_bytes(b'half')  # ... and never gets further
    left = set(contents(tmp_path)) - {'a.png'}
    assert len(left) == 1
    assert list_images(tmp_path) == [tmp_path / 'a.png']
    (tmp_path / 'sub.part').touch()  # not of our making: it is not hidden
    remove_parts(tmp_path)
    assert set(contents(tmp_path)) == {'a.png', 'sub.part'}


def test_output_folders_are_made_and_left_empty(tmp_path):
    folder = make_output_folder(str(tmp_path / 'a' / 'b'))
    assert folder == tmp_path / 'a' / 'b'
    assert not list(folder.iterdir())
    (folder / 'result.txt').touch()
    make_output_folder(folder)
    assert set(contents(folder)) == {'result.txt'}


@pytest.mark.parametrize('name', ['file', 'file/out', 'file/out/deeper'])
def test_a_folder_that_cannot_be_is_an_error(tmp_path, name):
    (tmp_path / 'file').write_text('text')
    with pytest.raises(OSError, match=f'{name}: cannot write into this folder'):
        make_output_folder(tmp_path / name)
    assert contents(tmp_path) == {'file': b'text'}
