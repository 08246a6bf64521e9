"""What a command reads it does not write over."""
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError


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
