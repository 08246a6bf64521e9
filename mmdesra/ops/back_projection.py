"""Bringing an SR image back to what the LR image says."""
from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from .bands import bands

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
    scale = len(image) // len(error)
    result = np.empty_like(image)
    for rows, around in bands(error.shape, _REACH, scale):
        enlarged = cv2.resize(error[around], (image.shape[1], scale * len(error[around])),
                              interpolation=cv2.INTER_CUBIC)
        made = slice(scale * rows.start, scale * rows.stop)
        first = scale * (rows.start - around.start)
        inside = enlarged[first:first + made.stop - made.start]
        corrected = image[made] + share[made, :, None] * inside
        result[made] = corrected.round().clip(0, 255)
    return result
