"""Semantic-aware adjustment: a weight per pixel from a label map and a table of class bins."""
from __future__ import annotations

import torch
from torch import Tensor

NUM_INTERVALS = 20
"""Intervals into which the published calibration cuts [0, 1] (DeSRA, Fig. 10b)."""

IGNORE_LABEL = 255
"""ADE20K's and mmseg's label for 'no class': such a pixel is not adjusted (weight 1)."""


def class_weights(bins: Tensor) -> Tensor:
    r"""Weight per class, :math:`A = 20 / (20 - b)`.

    Args:
        bins (Tensor): Shape ``(K,)``, a bin b per class, below 20. The published bins are in
            [0, 11]; a negative bin gives a weight below 1, which makes a class more sensitive.

    Returns:
        Tensor: float64, shape ``(K,)``, positive.

    Raises:
        ValueError: If a bin is 20 or more, or not finite: its weight would not be positive and
            finite.
    """
    unusable = bins[~((bins < NUM_INTERVALS) & bins.isfinite())]
    if len(unusable):
        raise ValueError(f'expected finite class bins below {NUM_INTERVALS}, '
                         f'got {unusable[0].item()}')
    return NUM_INTERVALS / (NUM_INTERVALS - bins.to(torch.float64))


def weight_map(labels: Tensor, weights: Tensor) -> Tensor:
    """Look up each pixel's weight.

    Args:
        labels (Tensor): Integer label map, shape ``(H, W)``, values in [0, K) or 255 (ignored).
        weights (Tensor): Shape ``(K,)``, from :func:`class_weights`.

    Returns:
        Tensor: Shape ``(H, W)``, dtype and device of ``weights``; 1 where ignored.

    Raises:
        ValueError: If a label is neither below K nor 255.
    """
    labels = labels.to(device=weights.device, dtype=torch.long)
    ignored = check_labels(labels, len(weights))
    found = weights[labels.masked_fill(ignored, 0)]
    return found.masked_fill(ignored, 1.0)


def check_labels(labels: Tensor, num_classes: int) -> Tensor:
    """Return where a label map says 'no class', bool, the shape of ``labels``.

    Raises:
        ValueError: If a label is neither below ``num_classes`` nor 255.
    """
    ignored = labels == IGNORE_LABEL
    unknown = (labels < 0) | (labels >= num_classes) & ~ignored
    if bool(unknown.any()):
        raise ValueError(f'expected labels in [0, {num_classes - 1}] or {IGNORE_LABEL} '
                         f'(ignored), got {labels[unknown][0].item()}')
    return ignored
