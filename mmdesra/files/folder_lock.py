"""One run at a time in a folder."""
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
    """Keep other processes out of a folder until this process lets it go, or ends.

    The system holds the lock, for a process: it goes when the process ends, however it ends, and
    a resumed run need not wait for data loader workers of a killed one, as it would with the
    ``flock`` of the package filelock, which workers inherit. This process may hold a folder again
    at any time. Where the file system knows no locks there is none.

    Args:
        folder (str | Path): Made if need be; gets a file ``.lock`` until it is let go.

    Raises:
        InputError: If another process holds it.
        OSError: If it cannot be written into.
    """
    if fcntl is None:
        return
    path = make_output_folder(folder).resolve() / LOCK
    if _is_held(path):  # opening it once more, and closing it, would give the lock away
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
        file.close()  # its holder let go, and removed it, between the two steps
    _held[path] = file
    try:
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
        file.flush()
    except OSError as error:  # a full disk is better known now
        let_go_of_folder(folder)
        raise cannot_write(path, error) from error


def let_go_of_folder(folder: str | Path) -> None:
    """Let other processes into a folder again; no error if it is not held."""
    path = Path(folder).resolve() / LOCK
    file = _held.pop(path, None)
    if file is not None:
        if _is_the_file(path, file):
            path.unlink()  # before it is let go: then it may be another's
        with suppress(OSError):  # what a full disk did not take
            file.close()


@contextmanager
def held_folder(folder: str | Path) -> Iterator[None]:
    """Keep other processes out of a folder during a block, see :func:`hold_folder`.

    A folder that was made for it, and into which nothing came, is removed.
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
    """Return which other process holds a folder, in words; None where none does."""
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
