"""Going through folders, with their sub-folders, links included, each once."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from .left_out import SYSTEM_FOLDERS, LeftOut


def walk(folder: Path, places: Sequence[str], below: LeftOut | None,
         seen: Iterable[Path] = ()) -> Iterator[tuple[str, os.DirEntry]]:
    """Go through what a folder holds and is not hidden, each with its place below the folder.

    Args:
        folder (Path): The folder.
        places (Sequence[str]): The sub-folders to go through; '' is the folder itself.
        below (LeftOut, optional): Their sub-folders are gone through, too; notes those that are
            not.
        seen (Iterable[Path]): Folders that are not gone through again.
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
        if identity in known:  # by way of a link, perhaps round and round
            assert below is not None  # or there is one folder
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
    """Whether an entry is what is asked; a link that leads in a circle is nothing."""
    try:
        return question()
    except OSError:
        return False
