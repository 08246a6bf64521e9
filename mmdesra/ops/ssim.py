"""Structural similarity as a map.

Reference: Wang et al., "Image Quality Assessment: From Error Visibility to Structural
Similarity", IEEE TIP 2004.
"""
from __future__ import annotations

from torch import Tensor

from .statistics import STABILITY, local_mean

LUMINANCE_STABILITY = (0.01 * 255)**2
"""The constant C1 of SSIM, for values in [0, 255]; C2 is :data:`STABILITY`."""


def structural_similarity(image: Tensor, reference: Tensor) -> Tensor:
    r"""SSIM of each 11×11 Gaussian window (σ = 1.5), channel by channel.

    .. math:: \frac{(2\mu_x\mu_y + C_1)(2\sigma_{xy} + C_2)}
                   {(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)}

    Args:
        image (Tensor): Shape ``(..., H, W)``, values in [0, 255], any real dtype.
        reference (Tensor): The same shape; the order of the two does not matter.

    Returns:
        Tensor: float64, in [-1, 1], shape ``(..., H - 10, W - 10)``; 1 = equal windows.

    Raises:
        ValueError: If a side is shorter than the window.
    """
    x, y = image.double(), reference.double()
    mean_x, mean_y = local_mean(x), local_mean(y)
    product = mean_x * mean_y
    mean_energy = mean_x**2 + mean_y**2
    covariance = local_mean(x * y) - product
    # The variances themselves are not needed, and their sum cannot cancel worse than each.
    variances = (local_mean(x * x + y * y) - mean_energy).clamp_(min=0)
    similarity = (2 * product + LUMINANCE_STABILITY) * (2 * covariance + STABILITY)
    similarity /= (mean_energy + LUMINANCE_STABILITY) * (variances + STABILITY)
    return similarity.clamp_(-1, 1)  # rounding alone can lead outside
