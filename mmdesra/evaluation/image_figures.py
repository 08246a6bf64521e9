"""What is counted in one image, and the figures of many."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..ops import (
    DetailChange,
    Fading,
    MaskScores,
    RegionChanges,
    compare_regions,
    label_regions,
    region_fates,
    score_mask,
)
from .image_detail import image_detail
from .judge import Judge, find_regions, region_excess
from .truth_sums import AFTER, BEFORE, REFERENCE, TruthSums, flat_figures


@dataclass(frozen=True)
class Before:
    """What the figures need of an image from before fine-tuning.

    Attributes:
        mask (np.ndarray): Its artifacts, bool, shape ``(H, W)``.
        image (np.ndarray, optional): The GAN-SR image itself, uint8, shape ``(H, W, 3)``.
    """
    mask: np.ndarray
    image: np.ndarray | None = None


@dataclass(frozen=True)
class Known:
    """What else is known of an image.

    Attributes:
        gt_mask (np.ndarray, optional): The human mask, bool, shape ``(H, W)``.
        before (Before, optional): How it was before fine-tuning.
        reference (np.ndarray, optional): The MSE-SR image, uint8, shape ``(H, W, 3)``.
        truth (np.ndarray, optional): The ground truth, as ``reference``.
    """
    gt_mask: np.ndarray | None = None
    before: Before | None = None
    reference: np.ndarray | None = None
    truth: np.ndarray | None = None


NOTHING_KNOWN, BY_TEXTURE = Known(), Judge()


@dataclass(frozen=True)
class ImageFigures:
    """Sufficient statistics of one image: numbers only, to be kept and sent.

    Attributes:
        regions (int): Artifact regions.
        area (int): Artifact pixels.
        pixels (int): All pixels.
        scores (MaskScores, optional): Against a human mask.
        changes (RegionChanges, optional): Against the mask from before fine-tuning.
        detail (DetailChange, optional): Detail outside the mask from before.
        fading (Fading, optional): Excess texture inside it.
        truth (TruthSums, optional): How far the image, its reference and that from before are
            from the truth, inside the mask from before (without one: its own) and outside.
    """
    regions: int
    area: int
    pixels: int
    scores: MaskScores | None = None
    changes: RegionChanges | None = None
    detail: DetailChange | None = None
    fading: Fading | None = None
    truth: TruthSums | None = None

    @classmethod
    def of(cls, image: np.ndarray, mask: np.ndarray, known: Known = NOTHING_KNOWN,
           judge: Judge = BY_TEXTURE) -> ImageFigures:
        """Count.

        Args:
            image (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``.
            mask (np.ndarray): Its artifacts, bool, shape ``(H, W)``.
            known (Known): What else is known of it.
            judge (Judge): Compares it with the truth. Default: without a perceptual distance.

        Raises:
            ValueError: If the sizes differ.
        """
        found, before = torch.from_numpy(mask), known.before
        changes = detail = None
        if before is not None:
            changes = compare_regions(torch.from_numpy(before.mask), found)
            if before.image is not None:
                detail = DetailChange(*(image_detail(version, before.mask)
                                        for version in (before.image, image)))
        return cls(
            regions=len(label_regions(found)), area=int(mask.sum()), pixels=mask.size,
            scores=None if known.gt_mask is None else score_mask(
                found, torch.from_numpy(known.gt_mask)),
            changes=changes, detail=detail, fading=fading_of(image, mask, known),
            truth=truth_sums_of(image, mask, known, judge))


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
    changes = [image.changes for image in figures if image.changes]
    if changes:
        changed = sum(changes, RegionChanges())
        summary.update(RemovalRate=changed.removal_rate, AdditionRate=changed.addition_rate)
    fadings = [image.fading for image in figures if image.fading]
    if fadings:
        faded = sum(fadings, Fading())
        summary.update(excess_left=faded.excess_left, gone=faded.gone, faded=faded.faded,
                       left=faded.left)
    details = [image.detail for image in figures if image.detail]
    if details:
        summary.update(DetailKept=sum(details, DetailChange()).kept)
    truths = [image.truth for image in figures if image.truth]
    # Before and after are compared on the same images: those that have both.
    compared = [truth for truth in truths if BEFORE in truth.inside] or truths
    if compared:
        summary.update(flat_figures(sum(compared, TruthSums()).figures()))
    return summary


def fading_of(image: np.ndarray, mask: np.ndarray, known: Known) -> Fading | None:
    """Return what became of the excess texture; None where an image that it takes is unknown.

    Args:
        image (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``.
        mask (np.ndarray): Its artifacts, bool, shape ``(H, W)``.
        known (Known): With the mask and image from before, and the reference.
    """
    before, reference = known.before, known.reference
    if before is None or before.image is None or reference is None:
        return None
    regions = find_regions(before.mask)
    excess = [region_excess(version, reference, regions) for version in (before.image, image)]
    return Fading.of(region_fates(regions, torch.from_numpy(mask), *excess), *excess)


def truth_sums_of(image: np.ndarray, mask: np.ndarray, known: Known, judge: Judge
                  ) -> TruthSums | None:
    """Return how far the versions of an image are from its truth; None where that is unknown.

    Args:
        image (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``.
        mask (np.ndarray): Its artifacts, for an image whose mask from before is not known.
        known (Known): With the truth.
        judge (Judge): Compares.
    """
    if known.truth is None:
        return None
    before = known.before
    regions = find_regions(mask if before is None else before.mask)
    versions = {REFERENCE: known.reference, BEFORE: before.image if before else None,
                AFTER: image}
    return TruthSums.of({name: judge.distances(version, known.truth, regions)
                         for name, version in versions.items() if version is not None})
