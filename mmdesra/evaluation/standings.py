"""Who takes part in a comparison of detectors, and how each did."""
from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np

from ..detectors import BaseDetector
from ..ops import MaskScores


@dataclass(frozen=True)
class Contestant:
    """A detector that takes part in a comparison.

    Attributes:
        name (str): How the tables call it.
        detector (BaseDetector): The detector.
        thresholds (tuple[float]): Of its sweep; empty: chosen from quantiles of its map.
        with_labels (bool): Whether it gets label maps where there are any and it uses them.
    """
    name: str
    detector: BaseDetector
    thresholds: tuple[float, ...] = ()
    with_labels: bool = True

    @property
    def folder(self) -> str:
        """str: The name, as a folder may be called: letters, digits and ``.+=-``."""
        return re.sub(r'[^\w.+=-]+', '_', self.name)


@dataclass(frozen=True)
class SweepPoint:
    """The scores that a detector would have with another threshold."""
    threshold: float
    scores: MaskScores = field(default_factory=MaskScores)


@dataclass(frozen=True)
class Standing:
    """How a contestant did.

    Attributes:
        contestant (Contestant): Who.
        labelled (bool): Whether label maps took part.
        seconds (float): Spent on maps and masks, without reading, generating and labelling.
        sweep (list[SweepPoint]): Those thresholds with the fewest artifacts first; its own is
            among them.
    """
    contestant: Contestant
    labelled: bool
    seconds: float
    sweep: list[SweepPoint]

    @property
    def scores(self) -> MaskScores:
        """MaskScores: At the detector's own threshold."""
        return next(point.scores for point in self.sweep
                    if point.threshold == self.contestant.detector.threshold)

    @property
    def seconds_per_image(self) -> float:
        """float: nan where there was no image."""
        return self.seconds / self.scores.images if self.scores.images else math.nan

    @property
    def best(self) -> SweepPoint:
        """SweepPoint: The one with the highest pixel IoU on this very set, so with hindsight.

        The mean over the images would reward silence wherever many images are clean.
        """
        return max(self.sweep, key=lambda point: np.nan_to_num(point.scores.pixel_iou))


@dataclass(frozen=True)
class ImageStanding:
    """The scores of one image: a row of ``images.csv``."""
    image: str
    detector: str = ''
    scores: MaskScores | None = None
    error: str = ''


@dataclass(frozen=True)
class DetectorComparison:
    """The result of :func:`compare_detectors`.

    Attributes:
        standings (list[Standing]): In the order of the contestants.
        images (list[ImageStanding]): One for each image and contestant; one for each image that
            was skipped, with its error.
        p (float): See :func:`mmdesra.ops.score_mask`.
        margin (int): The same.
        unscored (list[str]): Pairs without a known mask.
    """
    standings: list[Standing]
    images: list[ImageStanding]
    p: float
    margin: int
    unscored: list[str] = field(default_factory=list)

    @property
    def num_images(self) -> int:
        """int: Images scored; the same ones for every contestant."""
        return self.standings[0].scores.images

    @property
    def skipped(self) -> dict[str, str]:
        """dict[str, str]: Image to why it was skipped."""
        return {image.image: image.error for image in self.images if image.error}
