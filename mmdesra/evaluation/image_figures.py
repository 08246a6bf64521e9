"""What is counted in one image, and the figures of many."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ..ops import MaskScores, label_regions, score_mask
from .image_sums import ImageSums, Known
from .judge import Judge
from .truth_sums import BEFORE, TruthSums, flat_figures


@dataclass(frozen=True)
class ImageFigures:
    """Sufficient statistics of one image: numbers only, to be kept and sent.

    Attributes:
        regions (int): Artifact regions.
        area (int): Artifact pixels.
        pixels (int): All pixels.
        scores (MaskScores, optional): Against a human mask.
        sums (ImageSums): Against the image from before fine-tuning, and against the truth.
    """
    regions: int
    area: int
    pixels: int
    scores: MaskScores | None = None
    sums: ImageSums = field(default_factory=ImageSums)

    @classmethod
    def of(cls, image: np.ndarray, mask: np.ndarray, known: Known, judge: Judge) -> ImageFigures:
        """Count; see :meth:`ImageSums.of` for the arguments."""
        found = torch.from_numpy(mask)
        return cls(
            regions=len(label_regions(found)), area=int(mask.sum()), pixels=mask.size,
            scores=None if known.gt_mask is None else score_mask(
                found, torch.from_numpy(known.gt_mask)),
            sums=ImageSums.of(image, mask, known, judge))


def sum_up(figures: Sequence[ImageFigures]) -> dict[str, float]:
    """Return the figures of a set; see :class:`DeSRADetector` for their names."""
    pixels = sum(image.pixels for image in figures)
    nan = float('nan')
    summary = dict(
        artifact_images=sum(image.regions > 0 for image in figures) / len(figures)
        if figures else nan,
        artifact_area=sum(image.area for image in figures) / pixels if pixels else nan,
        regions=sum(image.regions for image in figures) if figures else nan)
    scores = [image.scores for image in figures if image.scores]
    if scores:
        scored = sum(scores, MaskScores())
        summary.update(IoU=scored.iou, Precision=scored.precision, Recall=scored.recall)
    total = sum((image.sums for image in figures), ImageSums())
    if total.changes:
        summary.update(RemovalRate=total.changes.removal_rate,
                       AdditionRate=total.changes.addition_rate)
    if total.fading:
        summary.update(excess_left=total.fading.excess_left, gone=total.fading.gone,
                       faded=total.fading.faded, left=total.fading.left)
    if total.detail:
        summary.update(DetailKept=total.detail.kept)
    truths = [image.sums.truth for image in figures if image.sums.truth]
    # Before and after are compared on the same images: those that have both.
    compared = [truth for truth in truths if BEFORE in truth.inside] or truths
    if compared:
        summary.update(flat_figures(sum(compared, TruthSums()).figures()))
    return summary
