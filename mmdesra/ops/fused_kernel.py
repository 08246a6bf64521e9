"""The texture differences of a block of pixels, compiled.

What :mod:`mmdesra.ops.statistics` does in passes over whole images, each through main memory,
is done here row by row in buffers that stay in a core's cache, in float64 as there: horizontal
sums of v and v² of both images, vertical sums of the last eleven rows of those, the difference.
"""
from __future__ import annotations

import math

import numpy as np

from .compiled import compiled

CHANNELS = 3
MARGIN = 5
TAPS = 2 * MARGIN + 1
FRAME = 2 * MARGIN * CHANNELS
"""By how many values a row of an image is longer than one of its sums; channels interleave."""

RELEASED, PRINTED, ABSOLUTE, EXCESS = range(4)
"""What to compute: D as released, D as printed, d, the excess."""


@compiled
def _sum_row(row, start, half_window, values, squares, sums, energies):
    """Sum along a row: E[v] and E[v²] of the window's middle row, by its taps."""
    w0, w1, w2, w3, w4, w5 = half_window
    for i in range(values.size):
        value = float(row[start + i])
        values[i] = value
        squares[i] = value * value
    for i in range(sums.size):
        sums[i] = (w0 * values[i + 15] + w1 * (values[i + 12] + values[i + 18])
                   + w2 * (values[i + 9] + values[i + 21]) + w3 * (values[i + 6] + values[i + 24])
                   + w4 * (values[i + 3] + values[i + 27]) + w5 * (values[i] + values[i + 30]))
    for i in range(energies.size):
        energies[i] = (w0 * squares[i + 15] + w1 * (squares[i + 12] + squares[i + 18])
                       + w2 * (squares[i + 9] + squares[i + 21])
                       + w3 * (squares[i + 6] + squares[i + 24])
                       + w4 * (squares[i + 3] + squares[i + 27])
                       + w5 * (squares[i] + squares[i + 30]))


@compiled
def _sum_column(rows, first, half_window, means):
    """Sum down the eleven rows of a ring buffer, of which ``first`` is the top one."""
    middle = rows[(first + MARGIN) % TAPS]
    for i in range(means.size):
        means[i] = half_window[0] * middle[i]
    for k in range(1, MARGIN + 1):
        above, below = rows[(first + MARGIN - k) % TAPS], rows[(first + MARGIN + k) % TAPS]
        weight = half_window[k]
        for i in range(means.size):
            means[i] += weight * (above[i] + below[i])


@compiled
def _compare(means, form, stability, floor, differences):
    """Return to ``differences`` D, d or the excess of each channel."""
    n = differences.size
    for i in range(n):
        mean_x, mean_y = means[i], means[2 * n + i]
        x = max(means[n + i] - mean_x * mean_x, 0.) + floor
        y = max(means[3 * n + i] - mean_y * mean_y, 0.) + floor
        if form == EXCESS:
            differences[i] = max(math.sqrt(x) - math.sqrt(y), 0.)
            continue
        product = 2 * math.sqrt(x * y)
        if form == ABSOLUTE:
            differences[i] = max(x + y - product, 0.)
        elif form == PRINTED:
            differences[i] = min(product / (x + y + stability), 1.)
        else:
            differences[i] = min((product + stability) / (x + y + stability), 1.)


@compiled
def difference_block(gan, mse, half_window, form, stability, floor, top, bottom, left, right, out):
    """Compute rows ``top`` to ``bottom``, columns ``left`` to ``right`` of a map.

    Args:
        gan (np.ndarray): uint8, shape ``(H, 3 · W)``: GAN-SR image, channels interleaved.
        mse (np.ndarray): MSE-SR image, the same shape.
        half_window (np.ndarray): float64, shape ``(6,)``: taps of the window from its middle on.
        form (int): :data:`RELEASED`, :data:`PRINTED`, :data:`ABSOLUTE` or :data:`EXCESS`.
        stability (float): C.
        floor (float): Added to each variance.
        top (int): First row of the block, in px of the map.
        bottom (int): The row after its last one.
        left (int): First column of the block.
        right (int): The column after its last one.
        out (np.ndarray): float32, shape ``(H - 10, W - 10)``, the map.
    """
    n = CHANNELS * (right - left)
    rows = np.empty((TAPS, 4 * n))
    values, squares = np.empty(n + FRAME), np.empty(n + FRAME)
    means, differences = np.empty(4 * n), np.empty(n)
    for y in range(top, bottom + TAPS - 1):
        row = rows[(y - top) % TAPS]
        _sum_row(gan[y], CHANNELS * left, half_window, values, squares, row[:n], row[n:2 * n])
        _sum_row(mse[y], CHANNELS * left, half_window, values, squares,
                 row[2 * n:3 * n], row[3 * n:])
        done = y - (TAPS - 1)
        if done >= top:
            _sum_column(rows, done - top, half_window, means)
            _compare(means, form, stability, floor, differences)
            for x in range(right - left):
                out[done, left + x] = (differences[3 * x] + differences[3 * x + 1]
                                       + differences[3 * x + 2]) / 3
