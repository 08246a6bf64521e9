"""Structure and texture similarity of feature maps, window by window.

Reference: Ding et al., "Image Quality Assessment: Unifying Structure and Texture Similarity",
IEEE TPAMI 2020 (DISTS). There the statistics are taken over the whole image; here over a window
around each pixel, as its authors do in "Locally Adaptive Structure and Texture Similarity for
Image Quality Assessment", ACM MM 2021.
"""
from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

TEXTURE_STABILITY = 1e-6
"""The constant c1 of the texture similarity."""

STRUCTURE_STABILITY = 1e-6
"""The constant c2 of the structure similarity."""


def local_similarity(x: Tensor, y: Tensor, window: int, alpha: Tensor, beta: Tensor) -> Tensor:
    r"""Weighted sum over the channels of texture and structure similarity.

    :math:`\sum_c \alpha_c\, l_c + \beta_c\, s_c` with

    .. math:: l = \frac{2\mu_x\mu_y + c_1}{\mu_x^2 + \mu_y^2 + c_1}, \qquad
              s = \frac{2\sigma_{xy} + c_2}{\sigma_x^2 + \sigma_y^2 + c_2}

    where means, variances and covariance are those of a square window; what would lie outside
    the feature map is reflected.

    Args:
        x (Tensor): Features of an image, shape ``(C, H, W)``.
        y (Tensor): Features of the other, the same shape; the order does not matter.
        window (int): Odd side of the window; one of more than twice a side of the map is
            narrowed to that side alone.
        alpha (Tensor): Weights of the texture similarities, shape ``(C,)``.
        beta (Tensor): Weights of the structure similarities, shape ``(C,)``.

    Returns:
        Tensor: float64, shape ``(H, W)``, on the device of ``x``; the sum of all weights where
        the two are equal.
    """
    total = np.zeros(x.shape[1:])
    # A channel at a time: the statistics of all would take ten times the memory of the features.
    # In NumPy: thousands of small steps, for which PyTorch's threads would wait for each other.
    for first, second, texture_weight, structure_weight in zip(
            x.cpu().numpy(), y.cpu().numpy(), alpha.tolist(), beta.tolist()):
        texture, structure = _similarities(first.astype(np.float64), second.astype(np.float64),
                                           window)
        total += texture_weight * texture + structure_weight * structure
    return torch.from_numpy(total).to(x.device)


def enlarge(feature_map: Tensor, stride: int, size: tuple[int, ...]) -> Tensor:
    """Interpolate a map of every ``stride``-th pixel, from the first on, to every pixel.

    Args:
        feature_map (Tensor): Shape ``(h, w)`` with ``h = ceil(H / stride)``; its value (i, j)
            belongs to the pixel (i · stride, j · stride).
        stride (int): In px.
        size (tuple[int, ...]): (H, W).

    Returns:
        Tensor: Shape ``(H, W)``, bilinear; beyond the last value as that value.
    """
    if stride == 1:
        return feature_map
    spanned = [(side - 1) * stride + 1 for side in feature_map.shape]
    inner = F.interpolate(feature_map[None, None], spanned, mode='bilinear', align_corners=True)
    beyond = [full - side for full, side in zip(size, spanned)]
    return F.pad(inner, (0, beyond[1], 0, beyond[0]), mode='replicate')[0, 0]


def _similarities(x: np.ndarray, y: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    height, width = x.shape
    size = tuple(min(window, 2 * side - 1) for side in (width, height))

    def mean(plane: np.ndarray) -> np.ndarray:
        # Running sums: the time does not depend on the window.
        return cv2.blur(plane, size, borderType=cv2.BORDER_REFLECT_101)

    mean_x, mean_y = mean(x), mean(y)
    product, energy = mean_x * mean_y, mean_x**2 + mean_y**2
    covariance = mean(x * y) - product
    variances = (mean(x * x + y * y) - energy).clip(min=0)
    texture = (2 * product + TEXTURE_STABILITY) / (energy + TEXTURE_STABILITY)
    structure = (2 * covariance + STRUCTURE_STABILITY) / (variances + STRUCTURE_STABILITY)
    return texture, structure.clip(-1, 1)  # rounding alone can lead outside
