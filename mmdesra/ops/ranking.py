"""How well a score ranks pixels: average precision from counts that add up over images."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RankedPixels:
    """Pixels counted by their score, the most suspicious first: sufficient for every threshold.

    Scores that fall between two edges count as equal, so the average precision is that of a
    score rounded to the edges. Counts of several images with the same edges add up.

    Attributes:
        artifacts (np.ndarray): int64, shape ``(N,)``: pixels of the known mask in each step.
        others (np.ndarray): int64, shape ``(N,)``: pixels outside it.
    """
    artifacts: np.ndarray
    others: np.ndarray

    @classmethod
    def count(cls, scores: np.ndarray, mask: np.ndarray, edges: np.ndarray,
              low_is_artifact: bool = False) -> RankedPixels:
        """Count the pixels of an image.

        Args:
            scores (np.ndarray): Real, shape ``(H, W)``.
            mask (np.ndarray): bool, the same shape: the known artifacts.
            edges (np.ndarray): Ascending, shape ``(N - 1,)``.
            low_is_artifact (bool): Whether a low score is suspicious, or a high one.
        """
        step = np.searchsorted(edges, scores, side='left' if low_is_artifact else 'right')
        if not low_is_artifact:
            step = len(edges) - step
        counts = [np.bincount(step[which], minlength=len(edges) + 1) for which in (mask, ~mask)]
        return cls(*counts)

    def __add__(self, other: RankedPixels) -> RankedPixels:
        return RankedPixels(self.artifacts + other.artifacts, self.others + other.others)

    @property
    def average_precision(self) -> float:
        """float: See :func:`average_precision`."""
        return float(average_precision(self.artifacts, self.others))


def average_precision(artifacts: np.ndarray, others: np.ndarray) -> np.ndarray:
    r"""Area under the curve of precision over recall, as a sum of steps.

    .. math::
        \mathrm{AP} = \sum_n (R_n - R_{n-1}) P_n

    with precision :math:`P_n` and recall :math:`R_n` where the n most suspicious steps are
    called artifacts. A score that knows nothing has the share of the artifacts.

    Args:
        artifacts (np.ndarray): Shape ``(..., N)``: artifact pixels in each step, the most
            suspicious first.
        others (np.ndarray): The same shape: the other pixels.

    Returns:
        np.ndarray: Shape ``(...)``, in [0, 1]; nan where there is no artifact pixel.
    """
    found = np.cumsum(artifacts, axis=-1, dtype=np.float64)
    called = found + np.cumsum(others, axis=-1, dtype=np.float64)
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    total = found[..., -1]
    with np.errstate(invalid='ignore', divide='ignore'):
        return np.where(total > 0, (artifacts * precision).sum(axis=-1) / total, math.nan)
