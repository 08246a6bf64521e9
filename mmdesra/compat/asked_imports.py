"""The imports that run when a package is imported, read from its source without running it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .packages import package_folder


class AskedImport(NamedTuple):
    """An import without which a module cannot be imported.

    Args:
        importer: The module that has the import statement.
        module: The module that it imports.
        names: The names that it imports from it; empty for ``import module``.
    """

    importer: str
    module: str
    names: tuple[str, ...]

    @property
    def package(self) -> str:
        """The package that is imported."""
        return self.module.partition('.')[0]


@cache
def imports_of_package(package: str, wanted: tuple[str, ...]) -> tuple[AskedImport, ...]:
    """Finds the imports of some packages that run when a package is imported.

    Args:
        package: The package whose files are read.
        wanted: The packages whose imports are looked for.
    """
    folder = package_folder(package)
    found: list[AskedImport] = []
    for path in python_files(folder) if folder is not None else ():
        source = path.read_bytes()
        if mentions(source, wanted):
            parts = [package, *path.relative_to(str(folder)).with_suffix('').parts]
            name = '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
            found += imports_of_module(name, source, wanted)
    return tuple(found)


def mentions(source: bytes, wanted: tuple[str, ...]) -> bool:
    """Whether a file imports one of the wanted packages anywhere.

    This spares parsing most files; parsing all of MMagic's would take a second.
    """
    return pattern(wanted).search(source) is not None


@cache
def pattern(wanted: tuple[str, ...]) -> re.Pattern[bytes]:
    """Returns a pattern for a line that imports one of the wanted packages."""
    names = '|'.join(map(re.escape, wanted))
    return re.compile(rf'^[ \t]*(?:from|import)[ \t]+(?:{names})\b'.encode(), re.MULTILINE)


def imports_of_module(name: str, source: bytes, wanted: tuple[str, ...]) -> list[AskedImport]:
    """Finds the imports of some packages that run when a module is imported.

    Imports inside functions are left out, because they run later; so are those in a `try`,
    because the module handles their failure itself.

    Args:
        name: The module's name.
        source: The module's text.
        wanted: The packages whose imports are looked for.
    """
    asked = (AskedImport(name, module, names) for module, names in imports(ast.parse(source).body))
    return [item for item in asked if item.package in wanted]


def python_files(folder: str) -> Iterator[Path]:
    """Yields the Python files of a package, without the copies in its folder ``.mim``."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name.isidentifier())
        yield from (Path(parent, name) for name in sorted(files) if name.endswith('.py'))


def imports(nodes: Iterable[ast.stmt]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields (module, names) of the absolute imports that run when the statements run."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module, tuple(alias.name for alias in node.names if alias.name != '*')
        elif isinstance(node, ast.If):
            if not is_type_checking(node.test):
                yield from imports(node.body)
            yield from imports(node.orelse)
        elif isinstance(node, (ast.With, ast.ClassDef)):
            yield from imports(node.body)


def is_type_checking(test: ast.expr) -> bool:
    """Whether a condition is ``TYPE_CHECKING`` or ``typing.TYPE_CHECKING``."""
    return 'TYPE_CHECKING' in (getattr(test, 'id', None), getattr(test, 'attr', None))
