"""One run at a time in a folder."""
from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import IO

from ..errors import InputError

try:
    import fcntl
except ImportError:  # Windows: no lock
    fcntl = None

LOCK = '.lock'
_held: dict[Path, IO] = {}


def hold_folder(folder: str | Path) -> None:
    """Keep other processes out of a folder until this process lets it go, or ends.

    The system holds the lock, for a process: it goes when the process ends, however it ends, and
    a resumed run need not wait for data loader workers of a killed one, as it would with the
    ``flock`` of the package filelock, which workers inherit. This process may hold a folder again
    at any time. Where the file system knows no locks there is none.

    Args:
        folder (str | Path): Made if need be; gets a file ``.lock``, which stays.

    Raises:
        InputError: If another process holds it.
    """
    if fcntl is None:
        return
    path = Path(folder).resolve() / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    if _is_held(path):  # opening it once more, and closing it, would give the lock away
        return
    file = path.open('a+')
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise InputError(f'{folder}: another run is at work in this folder ({holder}); wait until '
                         'it ends, or give another folder') from error
    except OSError:
        file.close()
        return
    file.truncate(0)
    file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
    file.flush()
    _held[path] = file


def let_go_of_folder(folder: str | Path) -> None:
    """Let other processes into a folder again; no error if it is not held."""
    file = _held.pop(Path(folder).resolve() / LOCK, None)
    if file is not None:
        file.close()


def _is_held(path: Path) -> bool:
    return (path in _held and path.exists()
            and os.path.samefile(path, _held[path].fileno()))
