"""Calibration of the class bins: from D over pixels without artifacts to a bin per class.

The published rule (Xie et al., "DeSRA", ICML 2023, Fig. 10b and a comment in the released
script): cut [0, 1] into 20 intervals and find, per class, in which of the first few intervals
the D values of more than 85% of the pixels lie. Our reading: the first interval is the one at
D = 1, where pixels without artifacts are, and the bin b is the index, from 0, of the interval
with which the share passes 85%. Then :math:`A = 20 / (20 - b)` maps the upper border
:math:`1 - b / 20` of that interval to 1.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .semantics import NUM_INTERVALS, check_labels

SHARE = 0.85
"""Share of a class's pixels that the published rule wants in the first intervals."""

MIN_PIXELS = 10_000
"""Pixels from which on a class gets a bin of its own; one region of 100×100 px."""


@dataclass(frozen=True)
class DifferenceHistogram:
    r"""How the values of D are spread in each class: all that the rule needs to know.

    Histograms of parts of a set (images, processes) are added.

    Attributes:
        counts (Tensor): int64, shape ``(K, 20)``: pixels of class k whose D lies in interval i,
            :math:`1 - (i + 1) / 20 < D \le 1 - i / 20`; the last one holds D = 0, too.
    """
    counts: Tensor

    @classmethod
    def empty(cls, num_classes: int) -> DifferenceHistogram:
        """Return a histogram without pixels."""
        return cls(torch.zeros(num_classes, NUM_INTERVALS, dtype=torch.int64))

    @classmethod
    def of(cls, difference: Tensor, labels: Tensor, num_classes: int,
           where: Tensor | None = None) -> DifferenceHistogram:
        """Count the pixels of one image.

        Args:
            difference (Tensor): D, shape ``(H, W)``, in [0, 1].
            labels (Tensor): Integer label map, shape ``(H, W)``, values in [0, K) or 255
                (ignored).
            num_classes (int): K.
            where (Tensor, optional): bool, shape ``(H, W)``: the pixels that count. Default: all.

        Raises:
            ValueError: If the shapes differ, or a label is neither below K nor 255.
        """
        shapes = {tuple(part.shape) for part in (difference, labels, where) if part is not None}
        if len(shapes) != 1:
            raise ValueError(f'expected D, labels and where of one shape, got {shapes}')
        labels = labels.long()
        counted = ~check_labels(labels, num_classes)
        if where is not None:
            counted &= where
        intervals = ((1 - difference[counted].double()) * NUM_INTERVALS).long()
        intervals.clamp_(0, NUM_INTERVALS - 1)
        cells = labels[counted] * NUM_INTERVALS + intervals
        counts = cells.bincount(minlength=num_classes * NUM_INTERVALS)
        return cls(counts.reshape(num_classes, NUM_INTERVALS))

    def __add__(self, other: DifferenceHistogram) -> DifferenceHistogram:
        return DifferenceHistogram(self.counts + other.counts)

    @property
    def pixels(self) -> Tensor:
        """Tensor: int64, shape ``(K,)``: counted pixels of each class."""
        return self.counts.sum(dim=1)

    @property
    def cumulative_shares(self) -> Tensor:
        """Tensor: float64, shape ``(K, 20)``: share of the class's pixels in intervals 0 to i.

        Non-decreasing, ends at 1; nan where a class has no pixel.
        """
        return self.counts.cumsum(dim=1) / self.pixels.double().unsqueeze(1)

    def bins(self, share: float = SHARE) -> Tensor:
        """Return the first interval with which more than ``share`` of the pixels are covered.

        Args:
            share (float): In [0, 1).

        Returns:
            Tensor: int64, shape ``(K,)``, in [0, 19]; 0 for a class without pixels.

        Raises:
            ValueError: If ``share`` is outside [0, 1).
        """
        if not 0 <= share < 1:
            raise ValueError(f'expected a share in [0, 1), got {share}')
        needed = share * self.pixels.double().unsqueeze(1)
        return (self.counts.cumsum(dim=1) > needed).int().argmax(dim=1)
