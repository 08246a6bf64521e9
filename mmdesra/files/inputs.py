"""What a command reads it does not write over."""
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError


def refuse_inside(written: str | Path, read: Iterable[Path]) -> None:
    """Make sure that results do not go where images are read with all sub-folders.

    Args:
        written (str | Path): Where results go.
        read (Iterable[Path]): Folders that are read with their sub-folders.

    Raises:
        InputError: If they would, and so be taken for images by the next run.
    """
    place = Path(os.path.realpath(written))
    for folder in read:
        if Path(os.path.realpath(folder)) in (place, *place.parents):
            raise InputError(f'{written}: lies in {folder}, whose sub-folders are read, too; the '
                             'next run would take the results for images. Expected a folder '
                             'beside it for them')


def refuse_same_files(written: Iterable[str | Path | None],
                      read: Iterable[str | Path | None]) -> None:
    """Make sure that no file, or folder, is both read and written.

    Args:
        written (Iterable): Files, or folders that files are written into; None stands for none.
        read (Iterable): Files, or folders that files are read from; likewise.

    Raises:
        InputError: If one is, by whatever name or link; it says what to do.
    """
    sources = {os.path.realpath(path) for path in read if path}
    for path in written:
        if path and os.path.realpath(path) in sources:
            raise InputError(f'{path}: is read by this command, and would be written over; give '
                             'another place for the results')
