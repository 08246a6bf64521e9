"""Refusing commands that would overwrite what they read."""
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError


def refuse_inside(written: str | Path, read: Iterable[Path]) -> None:
    """Refuse results inside a folder that is read with its sub-folders.

    Args:
        written (str | Path): Where results go.
        read (Iterable[Path]): Folders that are read with their sub-folders.

    Raises:
        InputError: If they are inside one, where the next run would read them as images.
    """
    place = Path(os.path.realpath(written))
    for folder in read:
        if Path(os.path.realpath(folder)) in (place, *place.parents):
            raise InputError(f'{written}: lies in {folder}, whose sub-folders are read, too; the '
                             'next run would take the results for images. Expected a folder '
                             'beside it for them')


def refuse_same_files(written: Iterable[str | Path | None],
                      read: Iterable[str | Path | None]) -> None:
    """Refuse a file or folder that is both read and written.

    Args:
        written (Iterable): Files, or folders that files are written into; None is skipped.
        read (Iterable): Files, or folders that files are read from; None is skipped.

    Raises:
        InputError: If one is in both, under any name or link; says what to do.
    """
    sources = {os.path.realpath(path) for path in read if path}
    for path in written:
        if path and os.path.realpath(path) in sources:
            raise InputError(f'{path}: is read by this command, and would be written over; give '
                             'another place for the results')
