"""A lock on a folder, so that only one run at a time works in it."""
from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import InputError
from .atomic import cannot_write, make_output_folder

try:
    import fcntl
except ImportError:  # Windows: no lock
    fcntl = None  # type: ignore[assignment]

LOCK = '.lock'
_held: dict[Path, IO] = {}


def hold_folder(folder: str | Path) -> None:
    """Lock a folder for this process until :func:`let_go_of_folder`, or until the process ends.

    The operating system releases the lock when the process ends, even if it was killed. Data
    loader workers do not inherit it, so a resumed run need not wait for workers of a killed one
    (they do inherit the ``flock`` of the package filelock). Locking a folder twice is fine. On
    Windows, and on file systems without locks, nothing is locked.

    Args:
        folder (str | Path): Made if need be; has a file ``.lock`` while it is locked.

    Raises:
        InputError: If another process has locked it.
        OSError: If the folder cannot be written into.
    """
    if fcntl is None:
        return
    path = make_output_folder(folder).resolve() / LOCK
    if _is_held(path):  # closing a second handle would release the lock
        return
    while True:
        file = _open(path)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            holder = _holder(file)
            file.close()
            raise InputError(f'{folder}: another run is at work in this folder ({holder}); wait '
                             'until it ends, or give another folder') from error
        except OSError:
            file.close()
            return
        if _is_the_file(path, file):
            break
        file.close()  # another process has released and removed it meanwhile
    _held[path] = file
    try:
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
        file.flush()
    except OSError as error:  # a full disk: say so now, not after hours
        let_go_of_folder(folder)
        raise cannot_write(path, error) from error


def let_go_of_folder(folder: str | Path) -> None:
    """Unlock a folder; nothing happens if this process has not locked it."""
    path = Path(folder).resolve() / LOCK
    file = _held.pop(path, None)
    if file is not None:
        if _is_the_file(path, file):
            path.unlink()  # before unlocking: later the file may be another's
        with suppress(OSError):  # a full disk: the text was not written
            file.close()


@contextmanager
def held_folder(folder: str | Path) -> Iterator[None]:
    """Lock a folder during a block, see :func:`hold_folder`.

    If the folder was made for this and is still empty at the end, it is removed.
    """
    is_new = not Path(folder).exists()
    hold_folder(folder)
    try:
        yield
    finally:
        let_go_of_folder(folder)
        if is_new:
            with suppress(OSError):  # it is not empty
                Path(folder).rmdir()


def holder_of(folder: str | Path) -> str | None:
    """Return in words which other process has locked a folder; None if none has."""
    path = Path(folder).resolve() / LOCK
    if fcntl is None or _is_held(path) or not path.is_file():
        return None
    with _open(path) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return _holder(file)
        except OSError:
            pass
    return None


def _open(path: Path) -> IO:
    try:
        return path.open('a+', encoding='utf-8')
    except OSError as error:
        raise cannot_write(path, error) from error


def _holder(file: IO) -> str:
    file.seek(0)
    return file.read().strip() or 'it has just begun'


def _is_held(path: Path) -> bool:
    return path in _held and _is_the_file(path, _held[path])


def _is_the_file(path: Path, file: IO) -> bool:
    try:
        return os.path.samefile(path, file.fileno())
    except FileNotFoundError:
        return False
