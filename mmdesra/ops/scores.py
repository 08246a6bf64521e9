"""How well a detected mask agrees with a human (or otherwise known) one."""
from __future__ import annotations

from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from .regions import Regions, label_regions

COVERAGE = 0.5
"""The paper's p: the share of a region's own area that must lie in the other mask."""


@dataclass(frozen=True)
class MaskScores:
    r"""Sufficient statistics of detected masks against the ground truth; they add up.

    The paper's IoU is the mean over the images; everything else is pooled over the set. Figures
    without a denominator are nan: precision where nothing was detected, recall where nothing was
    there.

    Attributes:
        images (int): Images scored.
        iou_sum (float): Sum of the images' IoU; 1 where both masks are empty.
        clean_images (int): Images without artifacts, by the ground truth.
        clean_right (int): Those of them where nothing was detected, IoU 1. The others have 0.
        pred_regions (int): Regions detected.
        pred_right (int): Those of them that lie in the ground truth with at least the share
            ``p`` of their own area.
        gt_regions (int): Regions of the ground truth.
        gt_found (int): Those of them that are detected on at least the share ``p`` of their
            own area.
        pred_px (int): Pixels detected.
        gt_px (int): Pixels of the ground truth.
        common_px (int): Pixels in both.
    """
    images: int = 0
    iou_sum: float = 0.0
    clean_images: int = 0
    clean_right: int = 0
    pred_regions: int = 0
    pred_right: int = 0
    gt_regions: int = 0
    gt_found: int = 0
    pred_px: int = 0
    gt_px: int = 0
    common_px: int = 0

    def __add__(self, other: MaskScores) -> MaskScores:
        return MaskScores(*(a + b for a, b in zip(astuple(self), astuple(other))))

    @property
    def iou(self) -> float:
        """Mean of the images' IoU, in [0, 1]."""
        return _ratio(self.iou_sum, self.images)

    @property
    def artifact_iou(self) -> float:
        """Mean IoU of the images that are not clean, in [0, 1]."""
        return _ratio(self.iou_sum - self.clean_right, self.images - self.clean_images)

    @property
    def precision(self) -> float:
        """Right regions / detected regions, in [0, 1]."""
        return _ratio(self.pred_right, self.pred_regions)

    @property
    def recall(self) -> float:
        """Found regions / regions of the ground truth, in [0, 1]."""
        return _ratio(self.gt_found, self.gt_regions)

    @property
    def pixel_iou(self) -> float:
        """Common pixels / pixels in either, in [0, 1], over all images as if they were one."""
        return _ratio(self.common_px, self.pred_px + self.gt_px - self.common_px)

    @property
    def pixel_precision(self) -> float:
        """Common pixels / detected pixels, in [0, 1]."""
        return _ratio(self.common_px, self.pred_px)

    @property
    def pixel_recall(self) -> float:
        """Common pixels / pixels of the ground truth, in [0, 1]."""
        return _ratio(self.common_px, self.gt_px)


def score_mask(pred: Tensor, gt: Tensor, p: float = COVERAGE, margin: int = 0) -> MaskScores:
    r"""Score the mask of one image as DeSRA's paper and scripts do.

    With :math:`P` and :math:`G` the two masks and :math:`P_i, G_j` their 8-connected regions,

    .. math::
        \mathrm{IoU} = \frac{|P \cap G|}{|P \cup G|},\quad
        \mathrm{precision} = \frac{\#\{i: |P_i \cap G| \ge p |P_i|\}}{\#\{i\}},\quad
        \mathrm{recall} = \frac{\#\{j: |G_j \cap P| \ge p |G_j|\}}{\#\{j\}}.

    Args:
        pred (Tensor): The detected mask, bool, shape ``(H, W)``.
        gt (Tensor): The ground truth, bool, the same shape.
        p (float): In (0, 1].
        margin (int): Pixels of both masks to leave out on each side. The released scripts
            leave out the 5 px in which their detector sees nothing.

    Returns:
        MaskScores: Of one image; add them up over a set.

    Raises:
        ValueError: If the shapes differ, ``p`` is out of range or the margin leaves nothing.
    """
    if pred.shape != gt.shape:
        raise ValueError(f'expected two masks of one shape, got {tuple(pred.shape)} '
                         f'and {tuple(gt.shape)}')
    if not 0 < p <= 1:
        raise ValueError(f'expected p in (0, 1], got {p}')
    if not 0 <= 2 * margin < min(gt.shape):
        raise ValueError(f'expected a margin from 0 to less than half of {tuple(gt.shape)}, '
                         f'got {margin}')
    height, width = gt.shape
    inside = slice(margin, height - margin), slice(margin, width - margin)
    pred, gt = pred[inside].cpu(), gt[inside].cpu()
    common, union = int((pred & gt).sum()), int((pred | gt).sum())
    pred_regions, gt_regions = label_regions(pred), label_regions(gt)
    return MaskScores(
        images=1, iou_sum=common / union if union else 1.0,
        clean_images=int(len(gt_regions) == 0), clean_right=int(union == 0),
        pred_regions=len(pred_regions), pred_right=_count_covered(pred_regions, gt, p),
        gt_regions=len(gt_regions), gt_found=_count_covered(gt_regions, pred, p),
        pred_px=int(pred.sum()), gt_px=int(gt.sum()), common_px=common)


def _count_covered(regions: Regions, mask: Tensor, p: float) -> int:
    common = torch.bincount(regions.labels[mask].long(), minlength=len(regions) + 1)[1:]
    # Divided, not multiplied: 7 / 100 >= 0.07 holds in floating point, 7 >= 0.07 * 100 does not.
    return int((common.double() / regions.areas >= p).sum())


def _ratio(numerator: float, denominator: int) -> float:
    return numerator / denominator if denominator else float('nan')
