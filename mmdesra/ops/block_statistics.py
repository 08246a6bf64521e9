"""What a detector that learns looks at: the texture of 4×4 blocks, on an eighth of the way."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import block_arrays
from .block_arrays import BLOCK, PLANES
from .load_compiled import load_compiled

SURROUNDINGS = (3, 7)
"""Sides, in blocks, of the squares over which the texture of the reduced image is measured."""

GAN_PLANES, MSE_PLANES = 12 + len(SURROUNDINGS), 9
STRIP_ROWS = 16


def pair_planes(gan: np.ndarray, mse: np.ndarray | None) -> Tensor:
    """Return what a network is shown of a pair.

    Of the GAN-SR image: the planes of :func:`block_planes`, and the texture of its reduced image,
    which stands for the LR image: a result that keeps to its LR image has that as its reduction.
    Of the MSE-SR image: the same without the means, which are those of the GAN-SR image.

    Args:
        gan (np.ndarray): uint8, shape ``(4 · H, 4 · W, 3)``, RGB.
        mse (np.ndarray, optional): The same shape.

    Returns:
        Tensor: float32, shape ``(14, H, W)``, with an MSE-SR image ``(23, H, W)``.
    """
    planes = torch.from_numpy(block_planes(gan))
    parts = [planes, _texture_of_means(planes[:3])]
    if mse is not None:
        parts.append(torch.from_numpy(block_planes(mse))[3:])
    return torch.cat(parts)


def block_planes(image: np.ndarray) -> np.ndarray:
    r"""Return the statistics of each 4×4 block.

    Of each channel the mean, over 64, and :math:`\ln(1 + \sigma)`; of the luma
    :math:`\ln(1 + h)` with the root mean square :math:`h` of the Haar coefficients of 2 px and
    of 4 px, each along rows, along columns and diagonal, so scaled that the squares of the six
    add up to the variance. On as many threads as PyTorch has.

    Args:
        image (np.ndarray): uint8, shape ``(4 · H, 4 · W, 3)``, RGB.

    Returns:
        np.ndarray: float32, shape ``(12, H, W)``.

    Raises:
        ValueError: If a side is no multiple of 4, or empty.
    """
    block_rows = load_compiled('block_kernel', 'block_rows') or block_arrays.block_rows
    height, width = image.shape[:2]
    if height % BLOCK or width % BLOCK or not image.size:
        raise ValueError(f'expected sides that {BLOCK} divides, got {width}x{height}')
    out = np.empty((PLANES, height // BLOCK, width // BLOCK), np.float32)
    image = np.ascontiguousarray(image)
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        list(threads.map(
            lambda top: block_rows(image, top, min(top + STRIP_ROWS, out.shape[1]), out),
            range(0, out.shape[1], STRIP_ROWS)))
    return out


def _texture_of_means(means: Tensor) -> Tensor:
    """ln(1 + σ) of the mean of the channels, over squares of blocks: (3, H, W) to (S, H, W)."""
    grey = 64 * means.mean(dim=0)[None, None]
    found = []
    for side in SURROUNDINGS:
        padded = F.pad(grey, [side // 2] * 4, mode='replicate')
        mean, energy = (F.avg_pool2d(part, side, 1) for part in (padded, padded * padded))
        found.append(torch.log1p((energy - mean * mean).clamp_(min=0).sqrt_()))
    return torch.cat(found, dim=1)[0]
