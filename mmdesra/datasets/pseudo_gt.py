"""The pseudo GT itself."""
from __future__ import annotations

import numpy as np


def compose_pseudo_gt(gan: np.ndarray, mse: np.ndarray, mask: np.ndarray) -> np.ndarray:
    r"""Compose :math:`y = M \cdot mse + (1 - M) \cdot gan` (DeSRA).

    Args:
        gan (np.ndarray): Shape ``(H, W, 3)``, any dtype.
        mse (np.ndarray): The same shape and dtype.
        mask (np.ndarray): bool, shape ``(H, W)``: True inside artifacts.

    Returns:
        np.ndarray: The shape and dtype of ``gan``.

    Raises:
        ValueError: If the shapes do not fit.
    """
    if gan.shape != mse.shape or mask.shape != gan.shape[:2]:
        raise ValueError('expected gan, mse and mask of one size, got '
                         f'{gan.shape}, {mse.shape} and {mask.shape}')
    return np.where(mask[..., None], mse, gan)
