"""Bringing an SR image back to what the LR image says."""
from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

_BAND_PIXELS = 2**20
_REACH = 2  # LR rows that cubic interpolation looks at beyond those that it enlarges


def back_projected(image: np.ndarray, lq: np.ndarray, share: np.ndarray, steps: int) -> np.ndarray:
    r"""Correct an SR image where its reduction differs from the LR image.

    Iterative back-projection (Irani and Peleg, "Improving resolution by image registration",
    CVGIP 1991), each step in a share of its own for each pixel:

    .. math::
        y \leftarrow y + s\; U(x - D\,y)

    with the LR image *x*, :math:`D` bicubic reduction (with antialiasing, as images for training
    are reduced) and :math:`U` bicubic enlargement. After each step *y* is rounded.

    Args:
        image (np.ndarray): *y*, uint8, shape ``(k·H, k·W, 3)``.
        lq (np.ndarray): *x*, uint8, shape ``(H, W, 3)``.
        share (np.ndarray): *s*, in [0, 1], shape ``(k·H, k·W)``.
        steps (int): How many; 0 leaves the image as it is.

    Returns:
        np.ndarray: uint8, the image's shape.
    """
    result = image
    for _ in range(steps):
        result = _corrected(result, lq - _reduced(result, lq.shape), share)
    return result


def _reduced(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return :math:`D y`, float32; a channel at a time, because Pillow rounds RGB images."""
    size = shape[1], shape[0]
    return np.stack([np.asarray(Image.fromarray(channel.astype(np.float32)).resize(
        size, Image.Resampling.BICUBIC)) for channel in np.moveaxis(image, -1, 0)], axis=-1)


def _corrected(image: np.ndarray, error: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Add the enlarged error, in bands of rows, which leave no trace."""
    height, width = image.shape[:2]
    scale = height // error.shape[0]
    step = max(_BAND_PIXELS // (scale * width), 1)
    result = np.empty_like(image)
    for top in range(0, len(error), step):
        bottom = min(top + step, len(error))
        first, last = max(top - _REACH, 0), min(bottom + _REACH, len(error))
        enlarged = cv2.resize(error[first:last], (width, scale * (last - first)),
                              interpolation=cv2.INTER_CUBIC)
        rows = slice(scale * top, scale * bottom)
        inside = enlarged[scale * (top - first):scale * (bottom - first)]
        corrected = image[rows] + share[rows, :, None] * inside
        result[rows] = corrected.round().clip(0, 255)
    return result
