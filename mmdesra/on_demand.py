"""Names that a package offers and imports only when they are asked for."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def on_demand(package: str, classes: Mapping[str, str]) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a package (PEP 562).

    Args:
        package (str): Its ``__name__``.
        classes (Mapping[str, str]): What it offers, by the name of the module in it that has it.
    """
    def look_up(name: str) -> object:
        if name in classes:
            return getattr(import_module(f'.{classes[name]}', package), name)
        raise AttributeError(f'module {package!r} has no attribute {name!r}')

    return look_up
