"""Patterns of file names, such as ``photos/**/*.jpg``."""
from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

from .left_out import SYSTEM_FOLDERS, LeftOut
from .walk import walk

_MAGIC = re.compile(r'[*?[]')


def before_pattern(path: Path) -> Path:
    """Return the part of a path that exists: folders may have brackets in their names."""
    root = Path()
    for part in path.parts:
        if _MAGIC.search(part) and not (root / part).exists():
            return root
        root /= part
    return root


def matches(root: Path, pattern: Path) -> list[str]:
    """Return the files and folders below a folder that fit a pattern without ``**``."""
    full = os.path.join(glob.escape(str(root)), pattern)  # noqa: PTH118  (Path drops no '.')
    found = (Path(match).relative_to(root) for match in glob.glob(full))  # noqa: PTH207
    return sorted(path.as_posix() for path in found
                  if SYSTEM_FOLDERS.isdisjoint(path.parts))


def files_below(root: Path, pattern: Path) -> list[str]:
    """Return the files below a folder that fit a pattern with ``**``.

    :mod:`glob` would follow links in a circle.
    """
    if not root.is_dir():
        return []
    found = (inside.split('/') for inside, _ in walk(root, [''], LeftOut()))
    return ['/'.join(parts) for parts in sorted(found) if _fits(parts, pattern.parts)]


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a file fits a pattern, both given as the parts of their paths."""
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == '**':
        return len(pattern) == 1 or any(
            _fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts)))
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])
