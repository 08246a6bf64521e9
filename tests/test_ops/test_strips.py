from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdesra.ops import strips
from mmdesra.ops.strips import by_strips


def sums_around(margin):
    """A map that depends on each pixel of a window; it notes the rows of what it was given."""
    rows = []

    def function(gan, mse):
        rows.append(len(gan))
        values = gan.astype(np.int64) * 3 + mse
        side = 2 * margin + 1
        windows = np.lib.stride_tricks.sliding_window_view(values, (side, side), axis=(0, 1))
        weights = np.arange(3 * side * side).reshape(3, side, side)
        return (windows * weights).sum(axis=(-3, -2, -1)).astype(np.float32)

    return function, rows


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(7, 30), margin=st.integers(0, 3),
       strip_pixels=st.integers(1, 900), seed=st.integers(0, 9))
def test_joined_strips_are_the_whole(height, width, margin, strip_pixels, seed):
    height += 2 * margin
    gan, mse = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), np.uint8)
    function, rows = sums_around(margin)
    whole = function(gan, mse)
    rows.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strips, 'MIN_STRIP_ROWS', 1)
        joined = by_strips(function, gan, mse, margin, strip_pixels)
    np.testing.assert_array_equal(joined, whole)
    assert joined.dtype == whole.dtype
    strip_rows = max(strip_pixels // width, 1)
    assert max(rows) <= strip_rows + 2 * margin
    assert sum(rows) == height - 2 * margin + 2 * margin * len(rows)


def test_a_remainder_of_one_row():
    function, rows = sums_around(margin=2)
    gan = np.random.default_rng(0).integers(0, 256, (4 + 2 * 40 + 1, 9, 3), np.uint8)
    joined = by_strips(function, gan, gan[::-1], margin=2, strip_pixels=40 * 9)
    assert rows == [44, 44, 5]
    np.testing.assert_array_equal(joined, function(gan, gan[::-1]))


def test_a_strip_is_never_too_low_to_be_worth_it():
    function, rows = sums_around(margin=1)
    gan = np.zeros((100, 50, 3), np.uint8)
    by_strips(function, gan, gan, margin=1, strip_pixels=1)
    assert rows[:-1] == [strips.MIN_STRIP_ROWS + 2] * (len(rows) - 1)
