"""The files of a folder that are not read as images, and a warning that names them once."""
from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.dist import get_rank, is_distributed

logger = logging.getLogger('mmdesra')

COMPANIONS = frozenset((
    '.aae', '.cfg', '.ckpt', '.css', '.csv', '.db', '.htm', '.html', '.ini', '.ipynb', '.js',
    '.json', '.jsonl', '.lnk', '.lock', '.log', '.md', '.md5', '.part', '.pkl', '.pth', '.py',
    '.rst', '.safetensors', '.sh', '.sha256', '.thm', '.tmp', '.toml', '.tsv', '.txt', '.url',
    '.xml', '.xmp', '.yaml', '.yml'))
"""Suffixes of files that often lie beside photographs and are left out without a warning."""

COMPANION_NAMES = frozenset(('README', 'LICENSE', 'COPYING', 'MANIFEST', 'CHECKSUMS', 'SHA256SUMS',
                             'MD5SUMS', 'CREDITS', 'AUTHORS', 'NOTICE'))

SYSTEM_FOLDERS = frozenset(('@eaDir', '__MACOSX', '#recycle', '$RECYCLE.BIN', 'lost+found',
                            'System Volume Information', '__pycache__'))
"""Folders that file managers and storage servers make; some hold thumbnails. They are skipped."""

NAMED = 3
"""Files of one suffix that a warning names; of further ones it gives the number."""
KINDS = 6
"""Suffixes that a warning names; of further ones it gives the number."""

_said: set[str] = set()
"""Warnings that this process has logged: a run may list a folder several times."""


@dataclass
class LeftOut:
    """What is not read in a folder.

    Attributes:
        files (dict[str, list[str]]): Files that might be somebody's photographs, by suffix.
        special (list[str]): Names with an image's suffix that are neither file nor folder.
        closed (list[str]): Sub-folders that cannot be opened.
        repeated (list[str]): Links to sub-folders that are read already.
        below (int): The number of images in sub-folders.
        is_counted (bool): Whether ``below`` counts all sub-folders; else there may be more.
        is_empty (bool): Whether the folder holds no image.
    """
    files: dict[str, list[str]] = field(default_factory=dict)
    special: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    below: int = 0
    is_counted: bool = True
    is_empty: bool = False

    def add(self, inside: str) -> None:
        """Note a file that is not read, unless it is one of :data:`COMPANIONS`."""
        name = inside.rpartition('/')[2]
        suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  (speed)
        if suffix not in COMPANIONS and (suffix or name.upper() not in COMPANION_NAMES):
            self.files.setdefault(suffix, []).append(inside)

    def take(self, other: LeftOut) -> None:
        """Add what another folder has noted."""
        for suffix, names in other.files.items():
            self.files.setdefault(suffix, []).extend(names)
        self.special += other.special
        self.closed += other.closed
        self.repeated += other.repeated
        self.below += other.below
        self.is_counted = self.is_counted and other.is_counted
        self.is_empty = self.is_empty or other.is_empty

    def __str__(self) -> str:
        """Return everything in one sentence; empty if nothing is left out."""
        parts = ['holds no image'] * self.is_empty
        kinds = sorted(self.files.items(), key=lambda kind: (-len(kind[1]), kind[0]))
        found = [f'{_some(names)} ({suffix} is not read)' if suffix
                 else f'{_some(names)} (no suffix says what it is)' for suffix, names in kinds]
        found += [f'{_some(self.special)} (neither file nor folder)'] * bool(self.special)
        if found:
            count = sum(map(len, self.files.values())) + len(self.special)
            more = f', and {len(found) - KINDS} kinds more' if len(found) > KINDS else ''
            parts.append(f'{_files(count)} left out: {", ".join(found[:KINDS])}{more}; save them '
                         'as PNG, JPEG, TIFF or WebP to have them read')
        if self.below:
            number = str(self.below) if self.is_counted else f'more than {self.below}'
            is_one = self.below == 1 and self.is_counted
            parts.append(f'{number} image{"" if is_one else "s"} in sub-folders '
                         f'{"is" if is_one else "are"} not read; --recursive (in Python '
                         f'recursive=True) takes {"it" if is_one else "them"}')
        if self.closed:
            parts.append(f'sub-folders that cannot be opened: {_some(self.closed)}')
        if self.repeated:
            parts.append(f'links to folders that are read already: {_some(self.repeated)}')
        return '; '.join(parts)


def say_once(sentence: str) -> None:
    """Log a warning unless it was logged before; of several processes only the first logs."""
    if sentence not in _said:
        _said.add(sentence)
        if is_first_process():
            logger.warning('%s', sentence)


def is_first_process() -> bool:
    """Whether this process is the only one or, of several, the one that logs (rank 0).

    Before the process group exists the rank is read from the variables that torchrun sets.
    """
    if is_distributed():
        return get_rank() == 0
    is_one_of_several = 'WORLD_SIZE' in os.environ and 'LOCAL_RANK' in os.environ
    return not is_one_of_several or os.environ.get('RANK', '0') == '0'


def broken_link(path: Path) -> str:
    """Say that a file is a broken link."""
    return f'{path}: is a link to {os.readlink(path)}, which does not exist'  # noqa: PTH115


def _some(names: list[str]) -> str:
    names = sorted(names)
    more = len(names) - NAMED
    return ', '.join(names[:NAMED]) + (f' and {more} more' if more > 0 else '')


def _files(count: int) -> str:
    return '1 file is' if count == 1 else f'{count} files are'
