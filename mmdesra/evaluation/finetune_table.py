"""What fine-tuned weights do to sets of test images: the rows of a results table."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ..detectors import BaseDetector
from ..files import read_image, read_mask
from ..generators import Upscaler
from ..generators.reference import AnyReference
from ..ops.scores import MaskScores, score_mask
from ..segmentors import LabelSource
from .before_after import BeforeAfter, picture_path

Quality = Callable[[np.ndarray], float]
"""A measure of one SR image, uint8 ``(H, W, 3)`` RGB, such as NIQE."""


class TestSet:
    """LR images that fine-tuned weights are measured on, one after the other.

    Pictures and masks of the weights measured last lie in ``out_dir``; see
    :class:`mmdesra.evaluation.before_after.BeforeAfter`.

    Args:
        lq_dir (str | Path): Folder of LR images.
        out_dir (str | Path): Where pictures, masks and figures go.
        mse (Upscaler | Reference): The MSE-trained generator, or what stands for it.
        detector (BaseDetector): Finds the artifacts.
        labels (LabelSource, optional): Label maps for the semantic step.
        gt_dir (str | Path, optional): Ground truths, see :class:`BeforeAfter`.
        perceptual (str | dict | BaseDetector, optional): Perceptual distance to them.
    """

    __test__ = False  # pytest: not a test

    def __init__(self, lq_dir: str | Path, out_dir: str | Path, mse: AnyReference,
                 detector: BaseDetector, labels: LabelSource | None = None,
                 gt_dir: str | Path | None = None,
                 perceptual: str | dict | BaseDetector | None = None) -> None:
        self.out_dir = Path(out_dir)
        self._images = BeforeAfter(lq_dir, mse, detector, out_dir, labels, gt_dir, perceptual)

    def measure_before(self, gan: Upscaler) -> None:
        """Detect with the generator as it was, unless that was done in this folder already."""
        if not self._images.knows_before:
            self._images.measure_before(gan)

    def measure(self, gan: Upscaler) -> dict:
        """Detect with fine-tuned weights; ``results.json`` in the folder gets the figures.

        Returns:
            dict: The fields of :class:`Comparison` but the single images, and ``iou``: the mean
            IoU of the masks before and after, over the images that had artifacts before, in
            [0, 1]; None where there was no artifact before.
        """
        comparison = self._images.measure_after(gan)
        self._images.write(comparison, {})
        row = asdict(comparison)
        scores = sum((self._score(name) for name in row.pop('per_image')), MaskScores())
        had_artifacts = scores.images > scores.clean_images
        return dict(row, iou=scores.artifact_iou if had_artifacts else None)

    def quality(self, version: str, measure: Quality) -> float:
        """Return the mean of a figure over pictures: ``mse``, ``gan_before`` or ``gan_after``."""
        paths = sorted((self.out_dir / version).rglob('*.png'))
        return float(np.mean([measure(read_image(path)) for path in paths]))

    def _score(self, name: str) -> MaskScores:
        before, after = (read_mask(picture_path(self.out_dir, folder, name))
                         for folder in ('mask_before', 'mask_after'))
        return score_mask(torch.from_numpy(after), torch.from_numpy(before))
