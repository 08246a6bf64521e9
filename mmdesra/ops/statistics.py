"""Local statistics and the two texture differences of DeSRA.

Reference: Xie et al., "DeSRA: Detect and Delete the Artifacts of GAN-based Real-World
Super-Resolution Models", ICML 2023.
"""
from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5
MARGIN = WINDOW_SIZE // 2
"""Pixels that the window costs on each side: statistics exist on the valid area only."""

STABILITY = (0.03 * 255)**2
"""The constant C of the relative difference, for values in [0, 255]."""

VARIANCE_FLOOR = 1e-8
"""Added to the variance before the root, as the released scripts do."""

FORMS = ('released', 'printed')


def gaussian_window(size: int = WINDOW_SIZE, sigma: float = WINDOW_SIGMA) -> Tensor:
    """Return a normalised Gaussian window, float64, shape ``(size,)``, sum 1."""
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    window = torch.exp(-offsets**2 / (2 * sigma**2))
    return window / window.sum()


def local_mean(image: Tensor) -> Tensor:
    r"""Gaussian-weighted mean of each 11×11 neighbourhood, :math:`E[v]`.

    Args:
        image (Tensor): Shape ``(..., H, W)``, any real dtype. Computed in float64.

    Returns:
        Tensor: float64, shape ``(..., H - 10, W - 10)``: the valid area only.

    Raises:
        ValueError: If a side is shorter than the window.
    """
    check_size(image)
    height, width = image.shape[-2:]
    planes = image.to(torch.float64).reshape(-1, height, width)
    filtered = _filter_on_cpu(planes) if planes.device.type == 'cpu' else filter_by_conv(planes)
    return filtered.reshape(*image.shape[:-2], *filtered.shape[-2:])


def check_size(image: Tensor) -> None:
    """Refuse an image of shape ``(..., H, W)`` with a side that is shorter than the window.

    Raises:
        ValueError: If it is.
    """
    height, width = image.shape[-2:]
    if min(height, width) < WINDOW_SIZE:
        raise ValueError(f'expected an image of at least {WINDOW_SIZE}x{WINDOW_SIZE} pixels '
                         f'(the window), got {width}x{height}')


def _filter_on_cpu(planes: Tensor) -> Tensor:
    # OpenCV's separable filter is several times faster than a float64 conv2d on a CPU.
    taps = gaussian_window().numpy()
    inside = slice(MARGIN, -MARGIN)
    means = [cv2.sepFilter2D(plane, -1, taps, taps)[inside, inside] for plane in planes.numpy()]
    return torch.from_numpy(np.stack(means))


def filter_by_conv(planes: Tensor) -> Tensor:
    """Gaussian-weighted mean of planes of shape ``(N, H, W)``, in their precision; differentiable.

    Returns:
        Tensor: Shape ``(N, H - 10, W - 10)``.
    """
    count = len(planes)
    window = gaussian_window().to(planes).expand(count, 1, -1)
    # As channels, each convolved for itself: for those a GPU has a kernel in full precision, while
    # cuDNN may round the float32 of any other convolution to TF32, with 10 bits. E[v²] - E[v]²
    # would be left with an error of several grey levels.
    rows = F.conv2d(planes.unsqueeze(0), window.unsqueeze(-1), groups=count)
    return F.conv2d(rows, window.unsqueeze(-2), groups=count).squeeze(0)


def local_std(image: Tensor) -> Tensor:
    r"""Local standard deviation :math:`\sigma = \sqrt{E[v^2] - E[v]^2 + 10^{-8}}`.

    Args:
        image (Tensor): Shape ``(..., H, W)``, values in [0, 255], any real dtype. The
            difference cancels in single precision on flat bright areas, hence float64; the
            variance is clamped at 0.

    Returns:
        Tensor: float64, in [0, 127.5], shape ``(..., H - 10, W - 10)``.

    Raises:
        ValueError: If a side is shorter than the window.
    """
    values = image.to(torch.float64)
    variance = local_mean(values * values) - local_mean(values)**2
    return (variance.clamp_(min=0) + VARIANCE_FLOOR).sqrt_()


def texture_difference(std_gan: Tensor, std_mse: Tensor) -> Tensor:
    r"""Absolute texture difference :math:`d = (\sigma_x - \sigma_y)^2` of DeSRA.

    Args:
        std_gan (Tensor): :math:`\sigma_x`, local standard deviation of the GAN-SR image.
        std_mse (Tensor): :math:`\sigma_y`, that of the MSE-SR image, the same shape.

    Returns:
        Tensor: The same shape, in [0, 127.5²]; 0 = the same local variance.
    """
    return (std_gan - std_mse)**2


def excess_texture(std_gan: Tensor, std_mse: Tensor) -> Tensor:
    r"""How much more texture there is than in the reference, :math:`\max(\sigma_x - \sigma_y, 0)`.

    Args:
        std_gan (Tensor): :math:`\sigma_x`, local standard deviation of the GAN-SR image.
        std_mse (Tensor): :math:`\sigma_y`, that of the MSE-SR image, the same shape.

    Returns:
        Tensor: The same shape, in grey levels of 255, in [0, 127.5].
    """
    return (std_gan - std_mse).clamp_(min=0)


def relative_difference(std_gan: Tensor, std_mse: Tensor, form: str = 'released') -> Tensor:
    r"""Relative texture difference D: 1 = same local variance, towards 0 = artifact.

    Released code: :math:`D = (2\sigma_x\sigma_y + C) / (\sigma_x^2 + \sigma_y^2 + C)`;
    printed in the paper: the same without C in the numerator. The printed form reads a flat
    area of both images as an artifact (D near 0), so the released one is the default.

    Args:
        std_gan (Tensor): :math:`\sigma_x`, local standard deviation of the GAN-SR image.
        std_mse (Tensor): :math:`\sigma_y`, that of the MSE-SR image, the same shape.
        form (str): ``'released'`` or ``'printed'``.

    Returns:
        Tensor: The same shape, in [0, 1].

    Raises:
        ValueError: If ``form`` is neither of the two.
    """
    if form not in FORMS:
        raise ValueError(f'expected form to be one of {FORMS}, got {form!r}')
    product = 2 * std_gan * std_mse
    if form == 'released':
        product += STABILITY
    difference = product / (std_gan**2 + std_mse**2 + STABILITY)
    return difference.clamp_(max=1)  # rounding alone can lead above
