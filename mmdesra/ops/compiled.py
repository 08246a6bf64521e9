"""Compiling functions with numba, and where the compiled code is kept.

By default numba keeps it beside the source, in the package's own ``__pycache__``. An installer
knows nothing of such files: ``pip uninstall`` leaves them, and a folder of the package's name with
nothing in it but them, which Python takes for a package (of a namespace) when it looks for the one
that is installed next. Here the code goes into the user's cache folder, or where
``NUMBA_CACHE_DIR`` says.
"""
from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba

ROOM = 1 << 19
"""Bytes that must fit into the cache folder; all the code of this package takes less."""


def compiled(function: Callable) -> Callable:
    """Compile a function that holds no Python objects.

    The code is kept for other processes where that can be; else each compiles it anew.
    """
    options: dict[str, Any] = dict(nogil=True, error_model='numpy', fastmath={'contract'})
    with _choosing_folder() as can_be_kept:
        if can_be_kept:
            try:
                kept = numba.njit(cache=True, **options)(function)
            except RuntimeError:  # numba finds no folder that it can write
                pass
            else:
                if Path(__file__).parent not in Path(kept.stats.cache_path).parents:
                    return kept
    return numba.njit(**options)(function)


@cache
def cache_folder() -> Path | None:
    """Return the folder for compiled code; None: nothing can be written there."""
    try:
        folder = _user_cache_folder() / 'mmdesra' / 'numba'
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(ROOM))  # a full disk would end the run at the first call
    except (OSError, RuntimeError):  # the latter: there is no home
        return None
    return folder


def _user_cache_folder() -> Path:
    """Return where this system wants programs to keep what they can make again."""
    if sys.platform == 'win32':
        return Path(os.environ.get('LOCALAPPDATA') or Path.home() / 'AppData' / 'Local')
    if sys.platform == 'darwin':
        return Path.home() / 'Library' / 'Caches'
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')


@contextmanager
def _choosing_folder() -> Iterator[bool]:
    """Let numba keep the functions that are decorated in a block in a folder of ours.

    Yields:
        bool: Whether there is a folder, this one or one that the user has set.
    """
    config: Any = numba.config
    if config.CACHE_DIR or getattr(config, 'CACHE_LOCATOR_CLASSES', ''):
        yield True
        return
    folder = cache_folder()
    config.CACHE_DIR = str(folder or '')
    try:
        yield folder is not None
    finally:
        config.CACHE_DIR = ''
