"""Statistics of the 4×4 blocks of an image, compiled: one pass over the pixels."""
from __future__ import annotations

import math

import numpy as np

from .compiled import compiled

BLOCK = 4
MEANS, STDS, FINE, COARSE = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12)
"""The planes: mean and standard deviation of each channel; of the luma, the strength of the
details of 2 px and of 4 px, along rows, along columns and diagonal."""

PLANES = 12
LUMA = 0.299, 0.587, 0.114
MEAN_UNIT = 64.
"""Means are returned in this unit, so that they are about as large as the logarithms."""


@compiled
def block_rows(image, top, bottom, out):
    """Compute the planes of some rows of blocks.

    Args:
        image (np.ndarray): uint8, shape ``(4 · H, 4 · W, 3)``, RGB.
        top (int): First row of blocks.
        bottom (int): The row after the last one.
        out (np.ndarray): float32, shape ``(12, H, W)``: means / 64 and ln(1 + strength), where
            strengths are in grey levels; filled from ``top`` to ``bottom``.
    """
    luma = np.empty((4, 4))
    pairs = np.empty((2, 2))
    for by in range(top, bottom):
        for bx in range(image.shape[1] // 4):
            luma[:] = 0
            for c in range(3):
                weight = LUMA[c]
                total, energy = 0, 0
                for y in range(4):
                    for x in range(4):
                        value = int(image[4 * by + y, 4 * bx + x, c])
                        total += value
                        energy += value * value
                        luma[y, x] += weight * value
                out[c, by, bx] = total / 16 / MEAN_UNIT
                out[3 + c, by, bx] = math.log(1 + math.sqrt((energy - total * total / 16) / 16))
            rows, columns, diagonal = 0., 0., 0.
            for y in range(2):
                for x in range(2):
                    a, b = luma[2 * y, 2 * x], luma[2 * y, 2 * x + 1]
                    c_, d = luma[2 * y + 1, 2 * x], luma[2 * y + 1, 2 * x + 1]
                    rows += (a - b + c_ - d)**2
                    columns += (a + b - c_ - d)**2
                    diagonal += (a - b - c_ + d)**2
                    pairs[y, x] = (a + b + c_ + d) / 4
            a, b, c_, d = pairs[0, 0], pairs[0, 1], pairs[1, 0], pairs[1, 1]
            out[6, by, bx] = math.log(1 + math.sqrt(rows) / 8)
            out[7, by, bx] = math.log(1 + math.sqrt(columns) / 8)
            out[8, by, bx] = math.log(1 + math.sqrt(diagonal) / 8)
            out[9, by, bx] = math.log(1 + abs(a - b + c_ - d) / 4)
            out[10, by, bx] = math.log(1 + abs(a + b - c_ - d) / 4)
            out[11, by, bx] = math.log(1 + abs(a - b - c_ + d) / 4)
