"""How sure the figures of a comparison are: 95% intervals by the bootstrap over images."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np

from ..ops import MaskScores
from ..ops.bootstrap import interval
from ..ops.ranking import average_precision
from .standings import DetectorComparison, Standing

SCORE_FIGURES = ('iou', 'precision', 'recall', 'pixel_iou')
AVERAGE_PRECISION = 'average_precision'

Intervals = dict[str, tuple[float, float]]
"""Name of a figure to its lower and upper end; nan where there is none."""


def intervals_of(comparison: DetectorComparison, standing: Standing) -> Intervals:
    """Return the intervals of a contestant's figures at its own threshold.

    All contestants are judged on the same draws of images.
    """
    images = comparison.images_of(standing.contestant.name)
    found = {name: scores_interval([image.scores for image in images], name)
             for name in SCORE_FIGURES}
    rankings = [image.ranking for image in images if image.ranking is not None]
    if rankings:
        steps = len(rankings[0].artifacts)
        statistics = np.stack([np.concatenate([one.artifacts, one.others]) for one in rankings])
        found[AVERAGE_PRECISION] = interval(
            statistics, lambda sums: float(average_precision(sums[:steps], sums[steps:])))
    return found


def scores_interval(images: Sequence[MaskScores], name: str) -> tuple[float, float]:
    """Return the interval of a figure of :class:`MaskScores` over images.

    Args:
        images (Sequence[MaskScores]): One for each image.
        name (str): The property's name, such as ``'precision'``.
    """
    statistics = np.array([astuple(scores) for scores in images], np.float64).reshape(
        len(images), -1)
    return interval(statistics, lambda sums: float(getattr(MaskScores(*sums), name)))
