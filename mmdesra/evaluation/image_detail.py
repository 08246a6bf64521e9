"""The detail of an image as it is read from a file."""
from __future__ import annotations

import numpy as np
import torch

from ..ops import detail_outside
from .tensors import to_tensor


def image_detail(image: np.ndarray, mask: np.ndarray) -> float:
    """Sum of local standard deviations outside a mask; see :func:`mmdesra.ops.detail_outside`.

    Args:
        image (np.ndarray): uint8, shape ``(H, W, 3)``.
        mask (np.ndarray): bool, shape ``(H, W)``.

    Raises:
        ValueError: If mask and image differ in size.
    """
    return detail_outside(to_tensor(image), torch.from_numpy(mask))
