"""The artifact map of LDL.

Reference: Liang, Zeng and Zhang, "Details or Artifacts: A Locally Discriminative Learning
Approach to Realistic Image Super-Resolution", CVPR 2022. As LDL* (Xie et al., DeSRA, ICML 2023)
it compares with the MSE-SR result where LDL compares with the ground truth.
"""
from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

LDL_WINDOW = 7
"""Side of the window of the local variance, in px."""

LDL_EXPONENT = 1 / 5
"""The power of the variance over the whole image."""

STRIP_PIXELS = 2**20


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
    if min(height, width) < LDL_WINDOW:
        raise ValueError(f'expected an image of at least {LDL_WINDOW}x{LDL_WINDOW} pixels '
                         f'(the window), got {width}x{height}')
    # In steps of 1/255 until the end: the residuals of 8-bit images are integers, so their sums
    # are exact, and a flat residual has a variance of exactly 0.
    residual = torch.zeros(height, width, dtype=torch.float64, device=gan.device)
    for channel, reference_channel in zip(gan, reference):
        residual += channel.double().sub_(reference_channel).abs_()
    overall = residual.var() / 255**2
    local = _local_variance(residual.cpu().numpy())
    return torch.from_numpy(local).to(gan.device).mul_(overall**LDL_EXPONENT / 255**2)


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
    border = dict(normalize=False, borderType=cv2.BORDER_REFLECT_101)
    total = cv2.boxFilter(plane, cv2.CV_64F, size, **border)
    squares = cv2.boxFilter(np.square(plane), cv2.CV_64F, size, **border)
    return ((squares - total**2 / count) / (count - 1)).clip(min=0)
