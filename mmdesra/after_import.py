"""Waiting for mmengine's Runner: what is done with it, once somebody imports it.

Importing it takes a second, which most of our commands do without.
"""
from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable

from mmdesra.compat.found_by_others import found_by_others

RUNNERS = 'mmengine.runner'
TARGET = 'mmdesra.engine.safe_runs:make_runs_safe'
"""As text: this module is imported with the package, and imports none of its rooms."""


def watch_runners() -> None:
    """Keep files of weights from running code in runs of ours; may be called again.

    See :mod:`mmdesra.engine.safe_runs`. It is done at once if :data:`RUNNERS` is there, else as
    soon as it is imported.
    """
    if RUNNERS in sys.modules:
        _make_safe(sys.modules[RUNNERS])
    elif not any(type(finder).__name__ == Watcher.__name__ for finder in sys.meta_path):
        sys.meta_path.insert(0, Watcher())


class Watcher(MetaPathFinder):
    """Finds nothing by itself: it lets the others find the module, and calls when it is loaded."""

    def find_spec(self, fullname: str, path: Any = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        """See :meth:`importlib.abc.MetaPathFinder.find_spec`."""
        if fullname != RUNNERS or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        return found_by_others(self, _execute, fullname, path, target)


def _execute(original: Callable[[ModuleType], None], module: ModuleType) -> None:
    original(module)
    _make_safe(module)


def _make_safe(module: ModuleType) -> None:
    name, _, function = TARGET.partition(':')
    getattr(import_module(name), function)(module)
