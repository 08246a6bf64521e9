"""Walking through folders and sub-folders, links included, each folder once."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from .left_out import SYSTEM_FOLDERS, LeftOut


def walk(folder: Path, places: Sequence[str], below: LeftOut | None,
         seen: Iterable[Path] = ()) -> Iterator[tuple[str, os.DirEntry]]:
    """Yield the entries of a folder that are not hidden, each with its place below the folder.

    Args:
        folder (Path): The folder.
        places (Sequence[str]): The sub-folders to walk; '' is the folder itself.
        below (LeftOut, optional): If given, sub-folders are walked too, and those that cannot be
            opened, or were walked before, are noted here. If None, they are yielded as entries.
        seen (Iterable[Path]): Folders that are not walked again.
    """
    known = {_identity(path) for path in seen}
    waiting = list(places)
    while waiting:
        place = waiting.pop()
        path = os.path.join(folder, place) if place else str(folder)  # noqa: PTH118  (speed)
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError:
            if below is None or not place:
                raise
            below.closed.append(place)
            continue
        identity = _identity(path)
        if identity in known:  # reached by a link, perhaps in a circle
            assert below is not None  # a single folder cannot repeat
            below.repeated.append(place)
            continue
        known.add(identity)
        for entry in entries:
            if entry.name.startswith('.'):
                continue
            one = f'{place}/{entry.name}' if place else entry.name
            if below is not None and answers(entry.is_dir):
                if entry.name not in SYSTEM_FOLDERS:
                    waiting.append(one)
                continue
            yield one, entry


def _identity(folder: str | Path) -> tuple[int, int]:
    status = os.stat(folder)  # noqa: PTH116
    return status.st_dev, status.st_ino


def answers(question: Callable[[], bool]) -> bool:
    """Ask an entry ``is_dir`` or ``is_file``; a link in a circle is neither."""
    try:
        return question()
    except OSError:
        return False
