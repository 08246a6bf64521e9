from __future__ import annotations

import errno
import os
import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from mmdesra.files import (
    atomic,
    atomic_path,
    list_images,
    make_output_folder,
    remove_parts,
    write_bytes,
    write_mask,
    write_text,
    write_weights,
)

WAIT_FOR_CONTENT, WAIT_FOR_ENTRY = atomic._wait_for_content, atomic._wait_for_entry
"""As they are before the tests are spared the waiting."""


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


@contextmanager
def files_end_at(size):
    """What a full disk does: writing fails half-way through a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize('write, content', [
    (write_bytes, bytes(9999)), (write_text, 'x' * 9999),
    (write_weights, dict(a=torch.zeros(9999)))])
def test_a_disk_that_is_full_keeps_the_old_file_and_is_told(tmp_path, write, content):
    (tmp_path / 'a.txt').write_text('old')
    with files_end_at(4096), pytest.raises(
            OSError, match='a.txt: cannot be written .File too large.; .* see ulimit'):
        write(tmp_path / 'a.txt', content)
    assert contents(tmp_path) == {'a.txt': b'old'}


def test_an_error_of_what_is_read_meanwhile_is_left_as_it_is(tmp_path):
    with pytest.raises(OSError, match="No such file .*other'"), atomic_path(tmp_path / 'a'):
        (tmp_path / 'other').read_bytes()
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OSError, match='a: cannot be written .*; free some space') as found, \
            atomic_path(tmp_path / 'a'):
        raise error
    assert found.value.__cause__ is error


def test_the_longest_name_that_a_file_may_have(tmp_path):
    name = 'x' * 251 + '.txt'
    write_text(tmp_path / name, 'text')
    assert contents(tmp_path) == {name: b'text'}


def test_weights_are_the_same_bytes_each_time(tmp_path):
    for name in ('a.pth', 'b.pth'):
        write_weights(tmp_path / name, dict(params=dict(a=torch.arange(9.))))
    assert (tmp_path / 'a.pth').read_bytes() == (tmp_path / 'b.pth').read_bytes()
    assert torch.load(tmp_path / 'a.pth', weights_only=True)['params']['a'].tolist() == [*range(9)]


def test_a_writer_that_wrote_nothing_is_an_error(tmp_path):
    (tmp_path / 'a.txt').write_text('old')
    with pytest.raises(OSError, match='a.txt: cannot be written'), atomic_path(tmp_path / 'a.txt'):
        pass
    assert contents(tmp_path) == {'a.txt': b'old'}


def test_a_folder_of_that_name_is_an_error_and_stays(tmp_path):
    (tmp_path / 'a.txt').mkdir()
    with pytest.raises(OSError, match='a.txt: cannot be written .* a folder of this name is in'):
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


# ---------------------------------------- power cuts


@pytest.fixture
def events(tmp_path, monkeypatch):
    """What is waited for and what is renamed, in order."""
    monkeypatch.setattr(atomic, '_wait_for_content', WAIT_FOR_CONTENT)
    monkeypatch.setattr(atomic, '_wait_for_entry', WAIT_FOR_ENTRY)
    found = []
    replace, fsync = Path.replace, os.fsync

    def noting_fsync(handle):
        path = Path(f'/proc/self/fd/{handle}').readlink()
        found.append(('waited', path.name if path != tmp_path else 'the folder',
                      path.read_bytes() if path.is_file() else None))
        fsync(handle)

    def noting_replace(path, target):
        found.append(('renamed', Path(target).name))
        return replace(path, target)

    monkeypatch.setattr(os, 'fsync', noting_fsync)
    monkeypatch.setattr(Path, 'replace', noting_replace)
    return found


needs_proc = pytest.mark.skipif(not Path('/proc/self/fd').is_dir(), reason='not Linux')


@needs_proc
def test_what_takes_the_place_is_on_the_disk_before_and_its_name_after(tmp_path, events):
    write_text(tmp_path / 'manifest.json', '{}')
    (waited, part, content), renamed, folder = events
    assert waited == 'waited' and part.endswith('.part') and content == b'{}'
    assert renamed == ('renamed', 'manifest.json')
    assert folder == ('waited', 'the folder', None)


@needs_proc
def test_images_are_not_waited_for(tmp_path, events):
    write_mask(tmp_path / 'mask.png', np.ones((2, 2), bool))
    assert events == [('renamed', 'mask.png')]


@needs_proc
@pytest.mark.parametrize('number, is_told', [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_disk_that_fails_is_told_and_one_that_cannot_wait_is_not(tmp_path, events, monkeypatch,
                                                                   number, is_told):
    def fail(handle):
        raise OSError(number, os.strerror(number))

    write_text(tmp_path / 'a.txt', 'old')
    monkeypatch.setattr(os, 'fsync', fail)
    if is_told:
        with pytest.raises(OSError, match='a.txt: cannot be written .*the disk may be failing'):
            write_text(tmp_path / 'a.txt', 'new')
    else:
        write_text(tmp_path / 'a.txt', 'new')
    assert contents(tmp_path) == {'a.txt': b'old' if is_told else b'new'}
