"""What a package's source says that it imports when it is imported itself."""

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
    """An import that a module cannot do without.

    Args:
        importer: The module that asks.
        module: The module that is asked for.
        names: What is taken from it; empty for ``import module``.
    """

    importer: str
    module: str
    names: tuple[str, ...]

    @property
    def package(self) -> str:
        """The package that is asked for."""
        return self.module.partition('.')[0]


@cache
def imports_of_package(package: str, wanted: tuple[str, ...]) -> tuple[AskedImport, ...]:
    """Finds what a package needs of others to be imported.

    Args:
        package: The package whose files are read.
        wanted: The packages to look for.
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
    """Whether one of some packages is imported anywhere in a file.

    Most files import none of them; parsing all of MMagic's would take a second.
    """
    return pattern(wanted).search(source) is not None


@cache
def pattern(wanted: tuple[str, ...]) -> re.Pattern[bytes]:
    """Matches the import of one of some packages, at the start of a line."""
    names = '|'.join(map(re.escape, wanted))
    return re.compile(rf'^[ \t]*(?:from|import)[ \t]+(?:{names})\b'.encode(), re.MULTILINE)


def imports_of_module(name: str, source: bytes, wanted: tuple[str, ...]) -> list[AskedImport]:
    """Finds what a module needs of other packages to be imported.

    Imports in functions come later; those in a `try` have an answer to a failure of their own,
    and must get it.

    Args:
        name: The module's name.
        source: Its text.
        wanted: The packages to look for.
    """
    asked = (AskedImport(name, module, names) for module, names in imports(ast.parse(source).body))
    return [item for item in asked if item.package in wanted]


def python_files(folder: str) -> Iterator[Path]:
    """Gives the Python files of a package, without those that it only carries along (.mim)."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name.isidentifier())
        yield from (Path(parent, name) for name in sorted(files) if name.endswith('.py'))


def imports(nodes: Iterable[ast.stmt]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Gives (module, names) of the absolute imports that run with the statements."""
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
