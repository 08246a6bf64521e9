"""Which pairs are clean enough to put known artifacts into."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import rankdata
from tqdm import tqdm

from ..detectors import BaseDetector, detect_image
from ..files import ImageError, shown_name
from ..generators import PairSource

logger = logging.getLogger('mmdesra')

CLEAN_BY = ('DeSRA', 'TextureDifference', 'LDLStar', 'SSIM')
"""The detectors that rank the pairs: those that need no weights and little time."""

CLEAN_MIN_AREA = 100
"""Area in px, below that of any placed artifact; a clean pair has no larger region."""


@dataclass(frozen=True)
class RankedPair:
    """A pair and how dirty detectors find it.

    Attributes:
        path (Path): The file that the pair is made from.
        marked_px (tuple[int, ...]): Area that each detector marks.
        place (int): The worst of its places in the detectors' orders; 1 = the cleanest.
    """
    path: Path
    marked_px: tuple[int, ...]
    place: int


def rank_pairs(source: PairSource, detectors: Sequence[BaseDetector]
               ) -> tuple[list[RankedPair], dict[str, str]]:
    """Order pairs from clean to dirty, each detector having one vote.

    Each detector orders the pairs by the area that it marks, none before the others. A pair's
    place is its worst: it comes first only if no detector objects. Places, not areas, are
    compared, so a detector with a lax threshold weighs no more than one with a strict one.

    Args:
        source (PairSource): The pairs.
        detectors (Sequence[BaseDetector]): Who votes; without any, the order is that of the
            names.

    Returns:
        tuple: The pairs, cleanest first, those of one place by name; and for each file name
        that cannot be used, why.
    """
    paths, areas, skipped = [], [], {}
    for path in tqdm(source.paths, 'look for clean pairs', unit='image'):
        try:
            pair = source.load(path)
            areas.append([detect_image(detector, pair.gan, pair.mse, path).area
                          for detector in detectors])
            paths.append(path)
        except ImageError as error:
            logger.warning('skipped: %s', error)
            skipped[shown_name(path)] = str(error)
    places = [1] * len(paths)
    if detectors and paths:
        places = rankdata(areas, method='min', axis=0).max(axis=1).astype(int).tolist()
    ranked = [RankedPair(path, tuple(marked), place)
              for path, marked, place in zip(paths, areas, places)]
    return sorted(ranked, key=lambda pair: pair.place), skipped
