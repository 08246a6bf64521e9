"""Computing a local map strip by strip, at bounded memory and without a trace."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

STRIP_PIXELS = 2**19
"""Pixels of a strip: some 100 MB of float64 statistics."""

MIN_STRIP_ROWS = 32
"""Each strip computes ``2 · margin`` rows that its neighbours compute, too."""


def by_strips(function: Callable[[np.ndarray, np.ndarray], np.ndarray],
              gan: np.ndarray,
              mse: np.ndarray,
              margin: int,
              strip_pixels: int = STRIP_PIXELS) -> np.ndarray:
    """Apply a function to strips of rows and join what it returns.

    The strips keep the full width, so every column is computed as in the whole image and the
    result is the same bit for bit.

    Args:
        function (Callable): Two images of shape ``(h, W, 3)`` to an array of shape
            ``(h - 2 · margin, W - 2 · margin)`` whose values depend on ``margin`` px around.
        gan (np.ndarray): Shape ``(H, W, 3)``.
        mse (np.ndarray): The same shape.
        margin (int): See ``function``.
        strip_pixels (int): About how many pixels a strip has.

    Returns:
        np.ndarray: Shape ``(H - 2 · margin, W - 2 · margin)``.
    """
    height, width = gan.shape[:2]
    rows = max(strip_pixels // width, MIN_STRIP_ROWS)
    valid_rows = height - 2 * margin
    if valid_rows <= rows:
        return function(gan, mse)
    result = None
    for top in range(0, valid_rows, rows):
        strip = slice(top, min(top + rows, valid_rows) + 2 * margin)
        part = function(gan[strip], mse[strip])
        if result is None:
            result = np.empty((valid_rows, part.shape[1]), part.dtype)
        result[top:top + len(part)] = part
    return result
