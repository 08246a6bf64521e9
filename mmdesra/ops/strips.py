"""Computing a local map strip by strip, at bounded memory and without a trace."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

STRIP_PIXELS = 2**19
"""Pixels of a strip: some 100 MB of float64 statistics."""

MIN_STRIP_ROWS = 32
"""Each strip computes ``2 · margin`` rows that its neighbours compute, too."""


def strips_of(shape: Sequence[int], margin: int = 0,
              strip_pixels: int = STRIP_PIXELS) -> Iterator[slice]:
    """Cut an image into strips of full width.

    Args:
        shape (Sequence[int]): Height and width of the image.
        margin (int): Rows that a strip has above and below what it gives to the result; those of
            neighbours overlap.
        strip_pixels (int): About how many pixels a strip gives to the result.

    Yields:
        slice: The rows of a strip, its margin included, from the top down.
    """
    rows = max(strip_pixels // shape[1], MIN_STRIP_ROWS)
    valid_rows = shape[0] - 2 * margin
    for top in range(0, valid_rows, rows):
        yield slice(top, min(top + rows, valid_rows) + 2 * margin)


def by_strips(function: Callable[[np.ndarray, np.ndarray], np.ndarray],
              gan: np.ndarray,
              mse: np.ndarray,
              margin: int,
              strip_pixels: int = STRIP_PIXELS,
              out: np.ndarray | None = None) -> np.ndarray:
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
        out (np.ndarray, optional): Where to write the result.

    Returns:
        np.ndarray: Shape ``(H - 2 · margin, W - 2 · margin)``.
    """
    for strip in strips_of(gan.shape[:2], margin, strip_pixels):
        part = function(gan[strip], mse[strip])
        if out is None:
            out = np.empty((len(gan) - 2 * margin, part.shape[1]), part.dtype)
        out[strip.start:strip.start + len(part)] = part
    assert out is not None, 'an image smaller than its border has no strip'
    return out
