"""Who takes part in a comparison of detectors, and how each did."""
from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np

from ..detectors import BaseDetector
from ..ops import MaskScores
from ..ops.ranking import RankedPixels


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
        ranking (RankedPixels, optional): The pixels, ordered by the map; None before any image.
    """
    contestant: Contestant
    labelled: bool
    seconds: float
    sweep: list[SweepPoint]
    ranking: RankedPixels | None = None

    @property
    def average_precision(self) -> float:
        """float: Of the map pixel by pixel, before any cleaning; nan where no pixel is known."""
        return math.nan if self.ranking is None else self.ranking.average_precision

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

    def at_recall(self, recall: float) -> SweepPoint | None:
        """Return the point of the fewest artifacts that has at least this recall of regions.

        None: no point of the sweep has.
        """
        return next((point for point in self.sweep
                     if np.nan_to_num(point.scores.recall) >= recall), None)


@dataclass(frozen=True)
class ImageStanding:
    """What one detector makes of one image: a row of ``images.csv``.

    Attributes:
        image (str): File name of its known mask.
        detector (str): The contestant's name; empty for an image that was skipped.
        standing (Standing, optional): Of this image alone.
        error (str): Why it was skipped; empty if it was not.
    """
    image: str
    detector: str = ''
    standing: Standing | None = None
    error: str = ''

    @property
    def scores(self) -> MaskScores | None:
        """MaskScores | None: At the detector's own threshold."""
        return self.standing.scores if self.standing else None


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

    def images_of(self, name: str) -> list[Standing]:
        """Return what the contestant of this name makes of each image, one by one."""
        return [image.standing for image in self.images
                if image.standing and image.detector == name]
