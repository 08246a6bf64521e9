"""How much of the artifacts' excess texture is left after fine-tuning."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from torch import Tensor

from .regions import Regions, touched_regions

GONE, FADED, LEFT = FATES = 'gone', 'faded', 'left'
"""What can become of a region: see :func:`region_fates`."""

FADED_ABOVE = 0.5
"""The share of its excess left above which a removed region is called faded, not gone."""


@dataclass(frozen=True)
class Fading:
    r"""Excess texture inside the masks from before, and what became of the regions; they add up.

    The excess of an image :math:`x` over its reference :math:`r`, the MSE-SR image, is
    :math:`\sum \max(\sigma_x - \sigma_r, 0)` over the pixels of the masks from before.

    Attributes:
        excess_before (float): That of the images before fine-tuning.
        excess_after (float): That of the images after, in the same places.
        gone (int): Regions by their fate, see :func:`region_fates`.
        faded (int): The same.
        left (int): The same.
    """
    excess_before: float = 0.0
    excess_after: float = 0.0
    gone: int = 0
    faded: int = 0
    left: int = 0

    def __add__(self, other: Fading) -> Fading:
        return Fading(*(a + b for a, b in zip(astuple(self), astuple(other))))

    @property
    def excess_left(self) -> float:
        """Excess after / before, at least 0; nan where there was none before."""
        return excess_left(self.excess_before, self.excess_after)

    @classmethod
    def of(cls, fates: Sequence[str], before: Sequence[float], after: Sequence[float]) -> Fading:
        """Sum up the regions of an image: their fates, their excess before and after."""
        return cls(sum(before), sum(after), *(fates.count(fate) for fate in FATES))


def region_fates(before: Regions, mask_after: Tensor, excess_before: Sequence[float],
                 excess_after: Sequence[float]) -> list[str]:
    """Say what became of each region.

    - *left*: an artifact pixel is still detected in it;
    - *faded*: none is, it is *removed*, but more than half of its excess texture is left, so it
      may well still be seen;
    - *gone*: removed, with at most half of its excess. A region that had no excess before (less
      texture than the reference) had nothing that could be left.

    Args:
        before (Regions): The regions before fine-tuning, N of them.
        mask_after (Tensor): What is detected after, bool, shape ``(H, W)``.
        excess_before (Sequence[float]): Of each region; see :class:`Fading`.
        excess_after (Sequence[float]): The same after.

    Returns:
        list[str]: Of each region, one of :data:`FATES`.
    """
    touched = touched_regions(before, mask_after).tolist()
    return [LEFT if is_touched else
            FADED if excess_left(*excess) > FADED_ABOVE else GONE
            for is_touched, *excess in zip(touched, excess_before, excess_after)]


def excess_left(before: float, after: float) -> float:
    """Return after / before, at least 0; nan where there was no excess before."""
    return after / before if before else float('nan')
