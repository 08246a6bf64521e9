"""Files are written beside and renamed, so that a reader never sees half of one."""
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
"""Bytes; most file systems allow 255, of which a part's name needs some for itself."""

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
"""What to do when the system refuses to write."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a path to write to; it becomes ``path`` when the block ends without an error.

    Args:
        path (str | Path): The file to make or replace. Its folder must exist.

    Yields:
        Path: A file beside it, with the process number in its name and the suffix ``.part``.

    Raises:
        OSError: If it cannot be written, naming ``path`` and what to do. What was there stays.
    """
    path = Path(path)
    part = path.with_name(f'.{_short(path.name)}.{os.getpid()}{PART_SUFFIX}')
    try:
        yield part
        part.replace(path)
    except OSError as error:
        # Others come from what the block reads; a full disk names no file at all.
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


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file atomically."""
    with atomic_path(path) as part:
        part.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_bytes(path, text.encode('utf-8'))


def write_weights(path: str | Path, content: dict) -> None:
    """Write a PyTorch checkpoint atomically; the same content makes the same bytes.

    By way of memory: given a path, ``torch.save`` writes its name into the file, and turns a full
    disk into a RuntimeError.
    """
    import torch
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_path(path) as part:
        part.write_bytes(buffer.getvalue())  # a view, left by an error, crashes Python 3.12.1


def remove_parts(folder: str | Path, recursive: bool = False) -> None:
    """Remove what killed writers left in a folder of ours; ``recursive``: and its sub-folders."""
    for part in Path(folder).glob(f'{"**/" * recursive}.*{PART_SUFFIX}'):
        part.unlink(missing_ok=True)


def make_parent(path: Path) -> Path:
    """Make the folder of a result, which images in sub-folders have in such; return ``path``.

    Raises:
        OSError: If it cannot be made, naming it and what to do.
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


def _short(name: str) -> str:
    if len(os.fsencode(name)) <= LONGEST_NAME:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()
