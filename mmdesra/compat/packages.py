"""Finding a package's folder, and replacing a function in all its modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Callable


def package_folder(name: str) -> str | None:
    """Finds a package's folder without importing it; None if it is not installed."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module in sys.modules without a spec
        return None
    return str(Path(spec.origin).parent) if spec is not None and spec.origin else None


def replace_in(package: str, original: Callable, replacement: Callable) -> None:
    """Replaces a function in every module of a package that has imported it."""
    name = original.__name__
    for module_name, module in list(sys.modules.items()):
        if module_name.partition('.')[0] == package and vars(module).get(name) is original:
            setattr(module, name, replacement)
