"""The detail of an image as it is read from a file."""
from __future__ import annotations

import numpy as np
import torch

from ..ops import detail_outside


def image_detail(image: np.ndarray, mask: np.ndarray) -> float:
    """Sum of local standard deviations outside a mask; see :func:`mmdesra.ops.detail_outside`.

    Args:
        image (np.ndarray): uint8, shape ``(H, W, 3)``.
        mask (np.ndarray): bool, shape ``(H, W)``.

    Raises:
        ValueError: If mask and image differ in size.
    """
    channels_first = np.ascontiguousarray(image.transpose(2, 0, 1))
    return detail_outside(torch.from_numpy(channels_first), torch.from_numpy(mask))
