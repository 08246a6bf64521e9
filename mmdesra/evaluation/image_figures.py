"""What is counted in one image, and the figures of many."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..ops import RegionChanges, compare_regions, label_regions
from ..ops.detail import DetailChange
from ..ops.scores import MaskScores, score_mask
from .image_detail import image_detail


@dataclass(frozen=True)
class Before:
    """What the figures need of an image from before fine-tuning.

    Attributes:
        mask (np.ndarray): Its artifacts, bool, shape ``(H, W)``.
        detail (float, optional): Its detail outside the mask, see :func:`image_detail`.
    """
    mask: np.ndarray
    detail: float | None = None


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
    """
    regions: int
    area: int
    pixels: int
    scores: MaskScores | None = None
    changes: RegionChanges | None = None
    detail: DetailChange | None = None

    @classmethod
    def of(cls, image: np.ndarray, mask: np.ndarray, gt_mask: np.ndarray | None = None,
           before: Before | None = None) -> ImageFigures:
        """Count.

        Args:
            image (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``.
            mask (np.ndarray): Its artifacts, bool, shape ``(H, W)``.
            gt_mask (np.ndarray, optional): The human mask, as ``mask``.
            before (Before, optional): How it was before fine-tuning.

        Raises:
            ValueError: If the sizes differ.
        """
        found = torch.from_numpy(mask)
        changes = detail = None
        if before is not None:
            changes = compare_regions(torch.from_numpy(before.mask), found)
            if before.detail is not None:
                detail = DetailChange(before.detail, image_detail(image, before.mask))
        return cls(
            regions=len(label_regions(found)), area=int(mask.sum()), pixels=mask.size,
            scores=None if gt_mask is None else score_mask(found, torch.from_numpy(gt_mask)),
            changes=changes, detail=detail)


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
    details = [image.detail for image in figures if image.detail]
    if details:
        summary.update(DetailKept=sum(details, DetailChange()).kept)
    return summary
