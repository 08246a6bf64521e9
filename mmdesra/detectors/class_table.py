"""The table of class bins behind the semantic-aware adjustment."""
from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..files import write_text
from ..ops import class_weights

ADE20K_TABLE = Path(__file__).with_name('ade20k_bins.csv')

DASHES = '--'
"""What separates class and bin in the file that DeSRA's authors released."""


@dataclass(frozen=True)
class ClassTable:
    """Class names with their bins, in the order of the label map's values.

    Attributes:
        names (tuple[str]): K class names, stripped.
        bins (tuple[float]): K bins below 20; see :func:`mmdesra.ops.class_weights`.
    """
    names: tuple[str, ...]
    bins: tuple[float, ...]

    @property
    def weights(self) -> Tensor:
        """Tensor: float64, shape ``(K,)``: the weight of each class."""
        return class_weights(torch.tensor(self.bins, dtype=torch.float64))

    @classmethod
    def load(cls, path: str | Path = ADE20K_TABLE) -> ClassTable:
        """Read a CSV table with the columns index, class, bin; lines with # are comments.

        DeSRA's own file (``SSIM_MSE_GAN_threshold.txt``, lines like ``sea--7``) is read, too. It
        says nothing of the order: that of the data set ADE20K is taken.

        Args:
            path (str | Path): Default: the 150 ADE20K classes as DeSRA published them.

        Raises:
            InputError: If the file is no such table, naming the file and the row.
        """
        if not Path(path).is_file():
            raise InputError(f'{path}: expected a class table (CSV), found no such file')
        try:
            text = Path(path).read_text(encoding='utf-8-sig')  # spreadsheets write such a mark
            lines = [line for line in text.splitlines() if line and not line.startswith('#')]
            if lines and _is_released(lines[0]):
                return cls._of_released(path, lines)
            rows = list(csv.DictReader(lines))
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f'{path}: expected a CSV text file ({error})') from error
        if not rows or not {'index', 'class', 'bin'} <= set(rows[0]):
            raise InputError(f'{path}: expected the columns index,class,bin')
        names, bins = [], []
        for expected, row in enumerate(rows):
            try:
                index, name, value = int(row['index']), row['class'].strip(), float(row['bin'])
            except (AttributeError, TypeError, ValueError) as error:
                raise InputError(f'{path}: expected a name and numbers for index and bin, '
                                 f'got {row}') from error
            if index != expected:
                raise InputError(f'{path}: expected index {expected}, got {index}')
            names.append(name)
            bins.append(value)
        return cls._checked(path, names, bins)

    @classmethod
    def _of_released(cls, path: str | Path, lines: Sequence[str]) -> ClassTable:
        """Read the lines of the authors' file, and put them in the order of the data set."""
        found: dict[str, float] = {}
        for line in filter(str.strip, lines):
            name, dashes, value = (part.strip() for part in line.partition(DASHES))
            try:
                number = float(value)
                if not (name and dashes):
                    raise ValueError('no name, or no bin')
            except ValueError as error:
                raise InputError(f'{path}: expected lines like sea{DASHES}7, a class and its bin, '
                                 f'got {line.strip()!r}') from error
            if found.setdefault(name, number) != number:
                raise InputError(f'{path}: expected one bin of a class, got {found[name]:g} and '
                                 f'{number:g} of {name!r}')
        names = cls.load().names
        for kind, these in (('lacks', [name for name in names if name not in found]),
                            ('has besides', [name for name in found if name not in names])):
            if these:
                raise InputError(
                    f'{path}: expected the {len(names)} classes of ADE20K, as the lines do not '
                    f'say which label is which class; it {kind} {len(these)}, such as '
                    f'{these[0]!r}. Give a CSV with the columns index,class,bin')
        return cls._checked(path, names, [found[name] for name in names])

    @classmethod
    def _checked(cls, path: str | Path, names: Sequence[str], bins: Sequence[float]) -> ClassTable:
        try:
            class_weights(torch.tensor(bins))
        except ValueError as error:
            raise InputError(f'{path}: {error}') from error
        return cls(tuple(names), tuple(bins))

    def save(self, path: str | Path, comments: Sequence[str] = (),
             extra: Mapping[str, Sequence[object]] | None = None) -> None:
        """Write the table as :meth:`load` reads it, atomically.

        Args:
            path (str | Path): The CSV file.
            comments (Sequence[str]): Lines above the table, without the #.
            extra (Mapping[str, Sequence]): More columns, name to K values; :meth:`load` passes
                over them.
        """
        extra = extra or {}
        text = io.StringIO()
        text.writelines(f'# {line}\n' for comment in comments for line in comment.splitlines())
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(['index', 'class', 'bin', *extra])
        bins = (int(value) if value == int(value) else value for value in self.bins)
        writer.writerows(zip(range(len(self.names)), self.names, bins, *extra.values()))
        write_text(path, text.getvalue())


def _is_released(line: str) -> bool:
    return DASHES in line and ',' not in line
