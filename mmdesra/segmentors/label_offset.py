"""Whether stored label maps count their classes from 0, or are shifted by one.

A network's classes are 0 to K - 1. The annotations of ADE20K, and maps made to look like them, are
1 to K with 0 for "none of these"; mmseg subtracts one while it loads them (``reduce_zero_label``).
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import ImageError, read_labels
from ..files.left_out import say_once
from ..ops.semantics import IGNORE_LABEL

MAX_MAPS, MAX_PIXELS = 64, 2**27
"""Maps that are looked at, spread over the folder, and pixels after which no other is."""


@dataclass(frozen=True)
class LabelOffset:
    """How stored values become classes.

    Attributes:
        value (int): The value that means class 0; values below it mean none.
        num_classes (int, optional): Classes of the table, where values beyond them would show
            that the offset was assumed wrongly; None: it was given, or there is no table.
    """
    value: int = 0
    num_classes: int | None = None

    def __post_init__(self) -> None:
        is_whole = isinstance(self.value, int) and not isinstance(self.value, bool)
        if not is_whole or not 0 <= self.value < IGNORE_LABEL:
            raise InputError('expected a label_offset (--label-offset) from 0 to '
                             f'{IGNORE_LABEL - 1}, got {self.value!r}')

    def apply(self, labels: np.ndarray, path: Path) -> np.ndarray:
        """Return classes, 255 = none.

        Args:
            labels (np.ndarray): Stored values, uint8, shape ``(H, W)``.
            path (Path): Their file, for the error.

        Raises:
            ImageError: If they show that the offset was assumed wrongly.
        """
        if self.num_classes is not None and (labels == self.num_classes).any():
            raise ImageError(
                f'{path}: holds {self.num_classes}, so the maps of this folder are shifted by '
                'one, which those that were looked at did not show: what was made with them is '
                'wrong. Run again with --label-offset 1 (label_offset=1)')
        if not self.value:
            return labels
        is_class = (labels >= self.value) & (labels != IGNORE_LABEL)
        return np.where(is_class, labels - np.uint8(self.value), np.uint8(IGNORE_LABEL))


def judge_offset(folder: Path, paths: Sequence[Path], num_classes: int) -> LabelOffset:
    """Find out by which offset a folder of maps is stored, as far as it can be told; say so.

    A folder is judged as a whole: one map that holds K shows that all are shifted. 255 shows that
    they are not: ADE20K's annotations have 0 for it.

    Args:
        folder (Path): The folder.
        paths (Sequence[Path]): Its maps.
        num_classes (int): K, the classes of the table.

    Raises:
        InputError: If a map speaks for the one and another for the other.
    """
    shifted, plain, looked_at = None, None, 0
    for path, values in _look_at(paths):
        looked_at += 1
        if num_classes in values:
            shifted = shifted or path
        if IGNORE_LABEL in values:
            plain = plain or path
    if shifted and plain:
        raise InputError(
            f'{folder}: cannot tell whether the label maps are shifted by one: {shifted.name} '
            f'holds {num_classes}, as maps of 1 to {num_classes} (0 = none) do, {plain.name} '
            f'holds {IGNORE_LABEL}, as maps of 0 to {num_classes - 1} do. Give --label-offset 1 '
            'or --label-offset 0 (label_offset=)')
    if shifted:
        say_once(f'{folder}: label maps are taken as 1 to {num_classes}, 0 = none, as in the '
                 f'annotations of ADE20K: {shifted.name} holds {num_classes}. If they are 0 to '
                 f'{num_classes - 1}, give --label-offset 0 (label_offset=0)')
        return LabelOffset(1)
    if looked_at and not plain:
        say_once(f'{folder}: label maps are taken as 0 to {num_classes - 1}; none of the '
                 f'{looked_at} looked at tells. If 0 means none and 1 the first class, as in the '
                 'annotations of ADE20K, give --label-offset 1 (label_offset=1), else '
                 '--label-offset 0')
    return LabelOffset(0, num_classes)


def _look_at(paths: Sequence[Path]) -> list[tuple[Path, frozenset[int]]]:
    """Return the values of some maps, spread evenly; those that cannot be read come later."""
    count = min(len(paths), MAX_MAPS)
    pixels, found = 0, []
    for number in np.linspace(0, len(paths) - 1, count).round().astype(int).tolist():
        if pixels > MAX_PIXELS:
            break
        try:
            labels = read_labels(paths[number])
        except ImageError:
            continue
        pixels += labels.size
        found.append((paths[number], frozenset(np.bincount(labels.ravel()).nonzero()[0].tolist())))
    return found
