"""Peak signal-to-noise ratio."""
from __future__ import annotations

import math

import torch
from torch import Tensor


def psnr(image: Tensor, reference: Tensor) -> float:
    r"""PSNR over all channels together, :math:`10 \log_{10} (255^2 / MSE)`.

    Args:
        image (Tensor): Values in [0, 255], any real dtype.
        reference (Tensor): The same shape; the order of the two does not matter.

    Returns:
        float: In dB; inf for equal images.

    Raises:
        ValueError: If the shapes differ.
    """
    if image.shape != reference.shape:
        raise ValueError(f'expected two images of one shape, got {tuple(image.shape)} and '
                         f'{tuple(reference.shape)}')
    # The square of a difference of 8-bit values is exact in single precision, their sum is not.
    error = (image.float() - reference.float()).square_().mean(dtype=torch.float64).item()
    return psnr_of(error)


def psnr_of(error: float) -> float:
    """Return the PSNR in dB for a mean squared error of values in [0, 255]; inf for none."""
    return 10 * math.log10(255**2 / error) if error else math.inf
