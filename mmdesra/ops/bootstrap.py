"""How sure a figure is: the bootstrap over images."""
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

RESAMPLES = 1000
CONFIDENCE = 0.95


def resample_sums(statistics: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Draw images with replacement and sum up their statistics, many times.

    Args:
        statistics (np.ndarray): Shape ``(images, K)``: sufficient statistics that add up.
        resamples (int): How often.
        seed (int): Equal seeds and numbers of images draw the same images, so that figures of
            several detectors on one set can be compared draw by draw.

    Returns:
        np.ndarray: float64, shape ``(resamples, K)``.
    """
    count = len(statistics)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    return draws.astype(np.float64) @ statistics


def interval(statistics: np.ndarray, figure: Callable[[np.ndarray], float],
             resamples: int = RESAMPLES, confidence: float = CONFIDENCE,
             seed: int = 0) -> tuple[float, float]:
    """Return the percentile interval of a figure over images drawn with replacement.

    It tells how much the figure hangs on which images there happened to be; nothing about
    images of another kind.

    Args:
        statistics (np.ndarray): Shape ``(images, K)``.
        figure (Callable): From the summed statistics, shape ``(K,)``, to the figure; nan where
            it has no denominator. Such draws are left out.
        resamples (int): See :func:`resample_sums`.
        confidence (float): In (0, 1).
        seed (int): See :func:`resample_sums`.

    Returns:
        tuple[float, float]: Lower and upper end; nan with fewer than two images or without a
        draw in which the figure exists.
    """
    if len(statistics) < 2:
        return math.nan, math.nan
    values = np.array([figure(sums) for sums in resample_sums(statistics, resamples, seed)])
    known = values[np.isfinite(values)]
    if not len(known):
        return math.nan, math.nan
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    return float(low), float(high)
