"""The thresholds of a sweep, in a detector's own unit."""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..detectors import BaseDetector, Detection

SHARES = (.002, .005, .01, .015, .02, .03, .04, .05, .065, .08, .1, .125, .15, .2, .25, .3, .4, .5,
          .7, .9)
"""Of the pixels, which a threshold calls artifacts before cleaning. Artifacts are rare, so they
are dense at the low end."""

RANKED_SHARES = np.geomspace(1e-5, 1, 1000)[:-1]
"""Of the pixels, which stand before each edge of a ranking: dense where artifacts are."""

BEYOND = np.geomspace(1, 100, 201)[1:]
"""Times the upper end of a map's range: edges for values that no sampled image has."""

PIXELS_PER_IMAGE = 20_000
DIGITS = 4


class SampledMap:
    """Gathers pixels of a detector's map over a few images, to choose thresholds from.

    Args:
        detector (BaseDetector): Says which side of a threshold is an artifact.
    """

    def __init__(self, detector: BaseDetector) -> None:
        self.detector = detector
        self._pixels: list[np.ndarray] = []

    def add(self, detection: Detection) -> None:
        """Take some pixels of an image: evenly spread, at most about 20,000."""
        valid_map = self.detector.valid_area(detection.map)
        # An odd step does not stay in a few columns of an image of even width.
        step = max(1, valid_map.size // PIXELS_PER_IMAGE) | 1
        self._pixels.append(valid_map.ravel()[::step].copy())

    def thresholds(self) -> list[float]:
        """Return quantiles of the map and the detector's own threshold, see :func:`in_order`.

        Quantiles have 4 significant digits; without any image there are none.
        """
        if not self._pixels:
            return in_order(self.detector, [])
        shares = np.array(SHARES) if self.detector.low_is_artifact else 1 - np.array(SHARES)
        quantiles = np.quantile(np.concatenate(self._pixels), shares)
        return in_order(self.detector, [float(f'{value:.{DIGITS}g}') for value in quantiles])

    def edges(self) -> np.ndarray:
        """Return the edges between which scores count as equal, ascending, see RankedPixels.

        Quantiles of the sampled pixels, and even steps over the map's range and beyond: the
        images sampled need not have what is most suspicious in the others.
        """
        low, high = self.detector.map_range
        edges = [np.linspace(low, high, len(RANKED_SHARES))]
        if self._pixels:
            shares = RANKED_SHARES if self.detector.low_is_artifact else 1 - RANKED_SHARES
            edges.append(np.quantile(np.concatenate(self._pixels), shares))
        edges.append(np.linspace(low - (high - low), low, len(BEYOND))
                     if self.detector.low_is_artifact else high * BEYOND)
        return np.unique(np.concatenate(edges).astype(np.float64))


def in_order(detector: BaseDetector, thresholds: Iterable[float]) -> list[float]:
    """Add the detector's own threshold; sort, those with the fewest artifacts first."""
    return sorted({*thresholds, detector.threshold}, reverse=not detector.low_is_artifact)
