from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdesra.visualization import crop_around


def test_window_is_centred_on_the_biggest_region():
    mask = np.zeros((100, 120), bool)
    mask[5:10, 5:10] = True
    mask[50:60, 70:90] = True
    assert crop_around(mask, 40) == (slice(35, 75), slice(60, 100))
    assert crop_around(mask, (20, 40)) == (slice(45, 65), slice(60, 100))


def test_window_is_moved_into_the_image():
    mask = np.zeros((100, 120), bool)
    mask[:4, 116:] = True
    assert crop_around(mask, 32) == (slice(0, 32), slice(88, 120))


def test_empty_mask_shows_the_middle():
    assert crop_around(np.zeros((100, 120), bool), 20) == (slice(40, 60), slice(50, 70))


def test_image_smaller_than_the_window_is_shown_whole():
    assert crop_around(np.ones((10, 120), bool), 32)[0] == slice(0, 10)


def test_ring_larger_than_the_window_is_shown_where_it_lies():
    y, x = np.mgrid[:200, :200]
    radius = np.hypot(y - 100, x - 100)
    mask = (radius > 70) & (radius < 90)
    assert not mask[80:120, 80:120].any()  # its middle shows nothing
    assert mask[crop_around(mask, 40)].mean() > .4


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**31))
def test_window_lies_in_the_image_has_its_size_and_shows_artifact(height, width, size, seed):
    mask = np.random.default_rng(seed).random((height, width)) > .8
    rows, columns = crop_around(mask, size)
    assert 0 <= rows.start and rows.stop <= height
    assert 0 <= columns.start and columns.stop <= width
    assert rows.stop - rows.start == min(size, height)
    assert columns.stop - columns.start == min(size, width)
    assert mask[rows, columns].any() or not mask.any()


@pytest.mark.parametrize('size', [0, -3, (4, 0), (1, 2, 3)])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match='expected a positive size'):
        crop_around(np.ones((8, 8), bool), size)
