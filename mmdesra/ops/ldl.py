"""The artifact map of LDL: of whole 8-bit images, to look at, and of batches, to train with.

Reference: Liang, Zeng and Zhang, "Details or Artifacts: A Locally Discriminative Learning
Approach to Realistic Image Super-Resolution", CVPR 2022. As LDL* (Xie et al., DeSRA, ICML 2023)
it compares with the MSE-SR result where LDL compares with the ground truth.

The two functions compute the same (a test holds them together): the one in strips, exactly and
fast, for images of any size; the other with gradients, on whichever device the batch is.
"""
from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

LDL_WINDOW = 7
"""Side of the window of the local variance, in px."""

LDL_EXPONENT = 1 / 5
"""The power of the variance over the whole image."""

STRIP_PIXELS = 2**20

_SMALLEST_VARIANCE = 1e-20
"""The power below 1 has no slope at 0, and its gradient there would be NaN."""


def ldl_artifact_map(gan: Tensor, reference: Tensor) -> Tensor:
    r"""Variance of the residual around each pixel, scaled by that of the whole image.

    .. math:: M = \operatorname{var}(r)^{1/5} \cdot \operatorname{var}_{7 \times 7}(r), \qquad
              r = \sum_{c} |y_c - x_c|

    on values in [0, 1]; both variances are unbiased (N - 1), the image is padded by reflection.

    Args:
        gan (Tensor): :math:`x`, shape ``(3, H, W)``, values in [0, 255], any real dtype.
        reference (Tensor): :math:`y`, the same shape.

    Returns:
        Tensor: float64, at least 0 and below 2.8, shape ``(H, W)``, high = artifact.

    Raises:
        ValueError: If a side is shorter than the window.
    """
    height, width = gan.shape[-2:]
    _check_size(height, width)
    # In steps of 1/255 until the end: the residuals of 8-bit images are integers, so their sums
    # are exact, and a flat residual has a variance of exactly 0.
    residual = torch.zeros(height, width, dtype=torch.float64, device=gan.device)
    for channel, reference_channel in zip(gan, reference):
        residual += (channel.double() - reference_channel).abs_()
    overall = residual.var() / 255**2
    local = _local_variance(residual.cpu().numpy())
    return torch.from_numpy(local).to(gan.device).mul_(overall**LDL_EXPONENT / 255**2)


def refined_artifact_map(output: Tensor, gt: Tensor, ema_output: Tensor | None = None) -> Tensor:
    r"""LDL's map of a batch, without the pixels that the EMA model reproduces worse.

    The map is that of :func:`ldl_artifact_map`, with :math:`x` the output and :math:`y` the GT.
    The EMA model is the steadier of the two. Where even its residual :math:`r_\text{ema}` is the
    larger one, the output is on the way to the GT, and the map is 0:

    .. math:: M_\text{refined} = M \cdot [r \ge r_\text{ema}]

    Gradients reach ``output``, through the map too, as in the authors' code
    (csjliang/LDL, ``basicsr/losses/LDL_loss.py``); none reaches ``ema_output``.

    Args:
        output (Tensor): Of the model that trains, shape ``(N, C, H, W)``, values in [0, 1] (or
            about it).
        gt (Tensor): The same shape.
        ema_output (Tensor, optional): Of the EMA model, the same shape. Default: no refinement.

    Returns:
        Tensor: float32, at least 0, shape ``(N, 1, H, W)``, high = artifact.

    Raises:
        ValueError: If a side is shorter than the window.
    """
    _check_size(*output.shape[-2:])
    residual = _residual(output, gt)
    overall = residual.var(dim=(-3, -2, -1), keepdim=True).clamp(min=_SMALLEST_VARIANCE)
    padded = F.pad(residual, (LDL_WINDOW // 2,) * 4, mode='reflect')
    mean, mean_square = (F.avg_pool2d(x, LDL_WINDOW, stride=1) for x in (padded, padded.square()))
    count = LDL_WINDOW**2
    local = (mean_square - mean.square()).clamp(min=0) * (count / (count - 1))
    artifact_map = overall**LDL_EXPONENT * local
    if ema_output is not None:
        improves = residual < _residual(ema_output, gt)
        artifact_map = artifact_map.masked_fill(improves, 0)
    return artifact_map.float()


def _residual(output: Tensor, gt: Tensor) -> Tensor:
    # In double precision: the mean of squares and the square of the mean are close.
    return (gt.double() - output.double()).abs().sum(dim=1, keepdim=True)


def _check_size(height: int, width: int) -> None:
    if min(height, width) < LDL_WINDOW:
        raise ValueError(f'expected an image of at least {LDL_WINDOW}x{LDL_WINDOW} pixels '
                         f'(the window), got {width}x{height}')


def _local_variance(plane: np.ndarray) -> np.ndarray:
    reach = LDL_WINDOW // 2
    rows = max(STRIP_PIXELS // plane.shape[1], LDL_WINDOW)
    result = np.empty_like(plane)
    for top in range(0, len(plane), rows):  # strips bound the memory of what lies between
        begin = max(top - reach, 0)
        variance = _variance_of_windows(plane[begin:top + rows + reach])
        result[top:top + rows] = variance[top - begin:][:rows]
    return result


def _variance_of_windows(plane: np.ndarray) -> np.ndarray:
    size, count = (LDL_WINDOW, LDL_WINDOW), LDL_WINDOW**2
    border: dict = dict(normalize=False, borderType=cv2.BORDER_REFLECT_101)
    total = cv2.boxFilter(plane, cv2.CV_64F, size, **border)
    squares = cv2.boxFilter(np.square(plane), cv2.CV_64F, size, **border)
    return ((squares - total**2 / count) / (count - 1)).clip(min=0)
