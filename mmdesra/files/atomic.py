"""Atomic writes: a file is written under another name and renamed, so nobody reads half of one.

Checkpoints, manifests, tables and pages are synced to the disk (``fsync``) before they replace
the old file, so a power cut leaves either the old or the new one. Images are not synced: 1,000
small files took 1 to 3 s without ``fsync`` and 19 s with it (ext4, a busy machine), and an image
that a power cut has damaged is made again.
"""
from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PART_SUFFIX = '.part'
LONGEST_NAME = 200
"""Bytes in a file name. Most file systems allow 255; the rest is for ``.part`` and a number."""

ADVICE = {
    errno.ENOSPC: 'free some space, or write elsewhere; then run the same command again',
    errno.EDQUOT: 'your share of the disk is used up; free some space, or write elsewhere',
    errno.EFBIG: 'files of this size are not allowed here; see ulimit -f',
    errno.EACCES: 'check the permissions of its folder, or write elsewhere',
    errno.EPERM: 'check the permissions of its folder, or write elsewhere',
    errno.EROFS: 'the disk can only be read; write elsewhere',
    errno.EISDIR: 'a folder of this name is in the way; move it, or choose another name',
    errno.ENOTDIR: 'a file is where its folder should be; move it, or write elsewhere',
    errno.ENOENT: 'its folder is not there, or was removed meanwhile',
    errno.EIO: 'the disk may be failing; write elsewhere',
}
"""What to do, by the error with which the system refuses to write."""

CANNOT_WAIT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""Errors with which file systems answer that have no ``fsync``."""


@contextmanager
def atomic_path(path: str | Path, durable: bool = True) -> Iterator[Path]:
    """Yield a path to write to; it becomes ``path`` when the block ends without an error.

    Args:
        path (str | Path): The file to make or replace. Its folder must exist.
        durable (bool): Whether to call ``fsync``: on the content before the old file is
            replaced, and on POSIX on the folder after it.

    Yields:
        Path: A file in the same folder, with the process number in its name and the suffix
        ``.part``.

    Raises:
        OSError: If the file cannot be written; names ``path`` and what to do. The old file stays.
    """
    path = Path(path)
    part = path.with_name(f'.{_short(path.name)}.{os.getpid()}{PART_SUFFIX}')
    try:
        yield part
        if durable:
            _wait_for_content(part)
        part.replace(path)
        if durable:
            _wait_for_entry(path.parent)
    except OSError as error:
        # An error that names another file is not about writing; a full disk names no file.
        if error.errno is not None and error.filename in (None, str(part), part):
            raise cannot_write(path, error) from error
        raise
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            part.unlink()


def cannot_write(path: str | Path, error: OSError) -> OSError:
    """Return an error that names the file, what the system said, and what to do."""
    advice = ADVICE.get(error.errno or 0)
    return OSError(f'{path}: cannot be written ({error.strerror})' + (
        f'; {advice}' if advice else ''))


def write_bytes(path: str | Path, content: bytes, durable: bool = True) -> None:
    """Write a file atomically; ``durable``: see :func:`atomic_path`."""
    with atomic_path(path, durable) as part:
        part.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_bytes(path, text.encode('utf-8'))


def write_weights(path: str | Path, content: dict) -> None:
    """Write a PyTorch checkpoint atomically; the same content makes the same bytes.

    The checkpoint is made in memory, because ``torch.save`` would write the path into the file
    and raise a RuntimeError on a full disk.
    """
    import torch
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_path(path) as part:
        part.write_bytes(buffer.getvalue())  # getbuffer() crashes 3.12.1 after an error


def remove_parts(folder: str | Path, recursive: bool = False) -> None:
    """Remove the ``.part`` files of killed processes; ``recursive``: also in sub-folders."""
    for part in Path(folder).glob(f'{"**/" * recursive}.*{PART_SUFFIX}'):
        part.unlink(missing_ok=True)


def make_parent(path: Path) -> Path:
    """Make the folder that a file is to be written into, and return ``path``.

    Raises:
        OSError: If the folder cannot be made; names it and what to do.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def make_output_folder(path: str | Path) -> Path:
    """Make a folder and check that files can be written into it.

    Raises:
        OSError: If not, naming the folder.
    """
    folder = Path(path)
    probe = folder / f'.probe.{os.getpid()}{PART_SUFFIX}'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        advice = ADVICE.get(error.errno or 0)
        raise OSError(f'{folder}: cannot write into this folder ({error.strerror})' + (
            f'; {advice}' if advice else '')) from error
    return folder


def _wait_for_content(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)  # Windows syncs only files opened for writing
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in CANNOT_WAIT:
            raise
    finally:
        os.close(handle)


def _wait_for_entry(folder: Path) -> None:
    if os.name != 'posix':
        return
    with suppress(OSError):  # not every folder may be opened, and the file is there
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _short(name: str) -> str:
    if len(os.fsencode(name)) <= LONGEST_NAME:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()
