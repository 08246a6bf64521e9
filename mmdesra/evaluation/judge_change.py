"""An image before fine-tuning, and what fine-tuning did to it: from pictures to numbers."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from .ground_truths import Fidelity
from .image_before import ImageBefore, ToTruth
from .image_change import ImageChange, region_rows
from .image_sums import Texture, compare
from .judge import Judge, find_regions
from .truth_sums import TruthSums


def judge_before(judge: Judge, gan: np.ndarray, mse: np.ndarray, mask: np.ndarray,
                 truth: np.ndarray | None) -> ImageBefore:
    """Measure an image before fine-tuning.

    Args:
        judge (Judge): Compares it with the truth.
        gan (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``, RGB.
        mse (np.ndarray): MSE-SR image, the same shape.
        mask (np.ndarray): Artifacts of ``gan``, bool, shape ``(H, W)``.
        truth (np.ndarray, optional): The ground truth, as ``gan``.
    """
    regions = find_regions(mask)
    to_truth = None if truth is None else ToTruth(judge.describe(), dict(
        reference=judge.distances(mse, truth, regions),
        before=judge.distances(gan, truth, regions)))
    texture = Texture.of(gan, mask, regions, mse)
    return ImageBefore(len(regions), int(mask.sum()), texture.detail, texture.excess,
                       None if truth is None else Fidelity.of(gan, truth), to_truth)


def judge_after(judge: Judge, known: ImageBefore, mask_before: np.ndarray, gan: np.ndarray,
                mse: np.ndarray, mask: np.ndarray, truth: np.ndarray | None) -> ImageChange:
    """Measure an image after fine-tuning.

    Args:
        judge (Judge): Compares it with the truth.
        known (ImageBefore): From :func:`judge_before`, with the same truth, or without one.
        mask_before (np.ndarray): Artifacts from before, bool, shape ``(H, W)``.
        gan (np.ndarray): GAN-SR image after, uint8, shape ``(H, W, 3)``, RGB.
        mse (np.ndarray): MSE-SR image, the same shape.
        mask (np.ndarray): Artifacts of ``gan``, as ``mask_before``.
        truth (np.ndarray, optional): The ground truth, as ``gan``.
    """
    regions = find_regions(mask_before)
    before = Texture(known.detail, known.excess or ())
    after = Texture.of(gan, mask_before, regions, mse)
    sums, fates = compare(mask_before, mask, regions, (before, after))
    versions = fidelity = None
    if truth is not None and known.to_truth is not None and known.fidelity is not None:
        versions = dict(known.to_truth.versions, after=judge.distances(gan, truth, regions))
        sums = replace(sums, truth=TruthSums.of(versions))
        fidelity = known.fidelity, Fidelity.of(gan, truth)
    rows = region_rows(regions, fates, before.excess or (), after.excess or (), versions)
    return ImageChange(sums, known.area, int(mask.sum()), rows, fidelity)
