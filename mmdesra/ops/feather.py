"""A mask with soft borders, for putting one picture into another."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

TRUNCATE = 2.
"""Where the Gaussian ends, in standard deviations."""


def feathered(mask: np.ndarray, sigma: float) -> np.ndarray:
    r"""Blur the borders of a mask outwards, so that all that is inside stays whole.

    The mask is dilated by as many pixels as the Gaussian reaches, then blurred: 1 in the mask,
    0 from :math:`2 r` pixels away on, where :math:`r = \lfloor 2 \sigma + 0.5 \rfloor`.

    Args:
        mask (np.ndarray): bool, shape ``(H, W)``.
        sigma (float): Of the Gaussian, in pixels; 0: the borders stay hard.

    Returns:
        np.ndarray: float32 in [0, 1], shape ``(H, W)``.
    """
    weight = mask.astype(np.float32)
    reach = int(TRUNCATE * sigma + .5)
    if not reach or not mask.any():
        return weight
    grown = ndimage.maximum_filter(weight, 2 * reach + 1)
    blurred = ndimage.gaussian_filter(grown, sigma, truncate=TRUNCATE, mode='nearest')
    return blurred.clip(0, 1)


def blend_by(weight: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Return one picture where a weight is 1, another where it is 0, and between them between.

    Args:
        weight (np.ndarray): float32 in [0, 1], shape ``(H, W)``.
        inside (np.ndarray): uint8 or uint16, shape ``(H, W, C)``.
        outside (np.ndarray): The same type and shape.

    Returns:
        np.ndarray: Of the same type and shape; where the weight is 0 the very values of
        ``outside``.
    """
    result = outside.copy()
    where = weight > 0
    share = weight[where][:, None].astype(np.float64)
    mixed = share * inside[where] + (1 - share) * outside[where]
    result[where] = mixed.round().astype(outside.dtype)
    return result
