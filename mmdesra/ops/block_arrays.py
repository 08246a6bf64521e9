"""Statistics of the 4×4 blocks of an image by NumPy: for where numba is not."""
from __future__ import annotations

import numpy as np

BLOCK = 4
PLANES = 12
"""Mean and standard deviation of each channel; of the luma, the strength of the details of 2 px
and of 4 px, each along rows, along columns and diagonal."""

LUMA = 0.299, 0.587, 0.114
MEAN_UNIT = 64.
"""Means are returned in this unit, so that they are about as large as the logarithms."""


def block_rows(image: np.ndarray, top: int, bottom: int, out: np.ndarray) -> None:
    """Compute the same as :func:`.block_kernel.block_rows`, of the same arguments."""
    rows = image[BLOCK * top:BLOCK * bottom].astype(np.float64)
    blocks = rows.reshape(bottom - top, BLOCK, -1, BLOCK, 3)
    means, stds = blocks.mean(axis=(1, 3)), blocks.std(axis=(1, 3))
    out[0:3, top:bottom] = np.moveaxis(means / MEAN_UNIT, -1, 0)
    out[3:6, top:bottom] = np.moveaxis(np.log1p(stds), -1, 0)
    luma = rows @ np.array(LUMA)
    pairs = _quarters(luma).mean(axis=0)
    for place, detail in enumerate(_details(luma)):
        # Four coefficients of (a ± b ± c ± d) / 2 in a block, whose root mean square is wanted.
        energy = (detail**2).reshape(bottom - top, 2, -1, 2).sum(axis=(1, 3))
        out[6 + place, top:bottom] = np.log1p(np.sqrt(energy) / 8)
    for place, detail in enumerate(_details(pairs)):
        out[9 + place, top:bottom] = np.log1p(np.abs(detail) / 4)


def _details(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Changes along rows, along columns and diagonal of each 2×2 square, not divided."""
    a, b, c, d = _quarters(plane)
    return a - b + c - d, a + b - c - d, a - b - c + d


def _quarters(plane: np.ndarray) -> np.ndarray:
    """Return the pixels of each 2×2 square: (2 · H, 2 · W) to (4, H, W)."""
    return np.stack([plane[y::2, x::2] for y in (0, 1) for x in (0, 1)])
