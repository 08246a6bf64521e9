"""For finders that watch: a module as the other finders find it, executed in a way of our own."""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Callable

Execute = Callable[[Callable[[ModuleType], None], ModuleType], None]
"""Given the loader's own execution and the module, which it executes by the former."""


def found_by_others(watcher: MetaPathFinder, execute: Execute, name: str,
                    path: Sequence[str] | None = None,
                    target: ModuleType | None = None) -> ModuleSpec | None:
    """Return the spec that Python would have used without a watcher.

    Args:
        watcher (MetaPathFinder): Who asks. Finders whose class has its name are not asked: it may
            be of a copy of this package that was imported before.
        execute (Callable): Executes the module in the place of its loader.
        name (str): Of the module; like ``path`` and ``target`` as ``find_spec`` gets it.
        path (Sequence[str], optional): Where to look.
        target (ModuleType, optional): A module that is reloaded.

    Returns:
        ModuleSpec | None: None where nobody finds it.
    """
    for finder in [*sys.meta_path]:
        find = getattr(finder, 'find_spec', None)
        if find is None or type(finder).__name__ == type(watcher).__name__:
            continue
        spec = find(name, path, target)
        if spec is not None:
            if hasattr(spec.loader, 'exec_module'):
                # A copy: a loader may serve other modules as well.
                loader = copy.copy(spec.loader)
                setattr(loader, 'exec_module', functools.partial(  # noqa: B010  (no method)
                    execute, spec.loader.exec_module))
                spec.loader = loader
            return spec
    return None
