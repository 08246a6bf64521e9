"""Making large images in bands of rows, so that what is computed on the way stays small."""
from __future__ import annotations

from collections.abc import Iterator

BAND_PIXELS = 2**20


def bands(shape: tuple[int, ...], reach: int, scale: int = 1) -> Iterator[tuple[slice, slice]]:
    """Go through the rows of an image.

    Args:
        shape (tuple[int, ...]): Its shape, ``(H, W, …)``.
        reach (int): How many rows beyond those that are made it takes to make them.
        scale (int): By how much what is made of it is larger.

    Yields:
        tuple[slice, slice]: Rows that are made together, and those that it takes.
    """
    height, width = shape[:2]
    step = max(BAND_PIXELS // (scale**2 * width), reach)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        yield slice(top, bottom), slice(max(top - reach, 0), min(bottom + reach, height))
