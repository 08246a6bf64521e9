"""What a calibration learns from: planes of blocks, and where the truth says artifact."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..datasets.truth_samples import TruthSample
from ..evaluation.truth_labels import EVEN_GROUND, STRENGTH, TruthRules, std_map, truth_masks
from ..models.artifact_net import STRIDE
from ..ops import MARGIN, difference_map
from ..ops.block_statistics import GAN_PLANES, pair_planes
from ..ops.truth_masks import strength_artifacts

KINDS = (STRENGTH, EVEN_GROUND)
"""What the network learns to find, in the order of its answers."""

RAW, LOG_STD = len(KINDS), len(KINDS) + 1
"""Answers that only serve training: artifacts of strength before cleaning, and ln(1 + σ) of the
truth. The texture that belongs there teaches the network more than masks alone."""

ANSWERS = len(KINDS) + 2
WEIGHT = ANSWERS
"""The plane of the targets that says which share of a block is known (outside the frame)."""

COARSEST = 32
"""The network's coarsest scale, in px; images are extended to multiples of it."""

ALONG_ROWS = tuple(first + place for first in (0, GAN_PLANES - 3) for place in (6, 9))
"""Planes of :func:`mmdesra.ops.block_statistics.pair_planes` that a transposed image has under
the next number, and the other way round: details along rows become details along columns."""


@dataclass(frozen=True)
class CalibrationSample:
    """A GAN-SR image as the network sees it, with the answers that it should give.

    Attributes:
        file (str): Name of the file that it was made from.
        planes (Tensor): float16, shape ``(P, H / 4, W / 4)``, with H and W extended to
            multiples of 32.
        targets (Tensor): float16, shape ``(5, H / 8, W / 8)``.
        masks (dict): Kind to bool, shape ``(H, W)``; kept of those held out alone.
        difference (np.ndarray, optional): D, shape ``(H, W)``; likewise.
    """
    file: str
    planes: Tensor = field(repr=False)
    targets: Tensor = field(repr=False)
    masks: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    difference: np.ndarray | None = field(default=None, repr=False)


def calibration_sample(sample: TruthSample, rules: TruthRules, uses_mse: bool,
                       is_held_out: bool) -> CalibrationSample:
    """Prepare a sample.

    Args:
        sample (TruthSample): The images.
        rules (TruthRules): What counts as an artifact.
        uses_mse (bool): Whether the network sees the reference.
        is_held_out (bool): Whether it serves for judging, not for learning.
    """
    masks = truth_masks(sample.gan, sample.reference, sample.truth, rules)
    gan, reference = (_extended(image) for image in (sample.gan, sample.reference))
    planes = pair_planes(gan, reference if uses_mse else None).half()
    targets = _targets(sample, masks, rules)
    file = str(sample.source['file'])
    if not is_held_out:
        return CalibrationSample(file, planes, targets)
    difference = difference_map(torch.from_numpy(sample.gan).permute(2, 0, 1),
                                torch.from_numpy(sample.reference).permute(2, 0, 1))
    return CalibrationSample(file, planes, targets, masks,
                             np.pad(difference.numpy(), MARGIN, constant_values=1))


def draw_patch(sample: CalibrationSample, side: int, rng: np.random.Generator
               ) -> tuple[Tensor, Tensor]:
    """Cut a square out of a sample, turned and mirrored at random.

    Args:
        sample (CalibrationSample): Where from. What a small one lacks has the weight 0.
        side (int): In px, a multiple of 32.
        rng (np.random.Generator): Decides where.

    Returns:
        tuple[Tensor, Tensor]: float32, planes of shape ``(P, side / 4, side / 4)`` and targets of
        shape ``(5, side / 8, side / 8)``.
    """
    cells = side // STRIDE
    height, width = sample.targets.shape[1:]
    top, left = (int(rng.integers(0, max(length - cells, 0) + 1)) for length in (height, width))
    planes = sample.planes[:, 2 * top:2 * (top + cells), 2 * left:2 * (left + cells)].float()
    targets = sample.targets[:, top:top + cells, left:left + cells].float()
    missing = [0, cells - targets.shape[2], 0, cells - targets.shape[1]]
    if any(missing):
        planes, targets = F.pad(planes, [2 * more for more in missing]), F.pad(targets, missing)
    for axis in (-1, -2):
        if rng.random() < 0.5:
            planes, targets = planes.flip(axis), targets.flip(axis)
    if rng.random() < 0.5:
        planes = planes.transpose(-1, -2)[transposed_order(len(planes))]
        targets = targets.transpose(-1, -2)
    return planes, targets


def transposed_order(planes: int) -> list[int]:
    """Return which plane of an image is which of the transposed image."""
    order = list(range(planes))
    for first in ALONG_ROWS:
        if first + 1 < planes:
            order[first], order[first + 1] = first + 1, first
    return order


def _targets(sample: TruthSample, masks: dict[str, np.ndarray], rules: TruthRules) -> Tensor:
    std_gan, std_truth, std_reference = map(
        std_map, (sample.gan, sample.truth, sample.reference))
    raw = strength_artifacts(std_gan, std_truth, std_reference, rules.excess)
    full: Sequence[Tensor] = [
        *(torch.from_numpy(masks[kind]).float() for kind in KINDS),
        *(F.pad(part, [MARGIN] * 4) for part in (raw.float(), std_truth.log1p())),
        F.pad(torch.ones_like(std_truth), [MARGIN] * 4)]
    height, width = full[0].shape
    extended = F.pad(torch.stack(list(full)), [0, -width % COARSEST, 0, -height % COARSEST])
    pooled = F.avg_pool2d(extended, STRIDE)
    # The mean over the known part of a block, not over the whole block.
    pooled[LOG_STD] /= pooled[WEIGHT].clamp(min=1 / STRIDE**2)
    return pooled.half()


def _extended(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return np.pad(image, [(0, -height % COARSEST), (0, -width % COARSEST), (0, 0)], mode='edge')
