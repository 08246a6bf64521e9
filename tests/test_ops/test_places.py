"""Places: exact areas, soft borders, exact strengths, where a blob fits."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdesra.ops.places import SOFTNESS, add_texture, draw_blob, mean_under, soft_edge


@settings(max_examples=30, deadline=None)
@given(st.integers(100, 5000), st.integers(0, 2**32))
def test_a_blob_is_one_piece_of_the_exact_area(area, seed):
    blob = draw_blob(area, np.random.default_rng(seed))
    assert blob.sum() == area
    count, _ = cv2.connectedComponents(blob.astype(np.uint8), connectivity=8)
    assert count == 2
    assert blob[0].any() and blob[-1].any() and blob[:, 0].any() and blob[:, -1].any()
    assert max(blob.shape) < 4 * np.sqrt(area)  # a blob, no thread
    np.testing.assert_array_equal(blob, draw_blob(area, np.random.default_rng(seed)))


def test_blobs_differ_in_shape():
    blobs = [draw_blob(1000, np.random.default_rng(seed)) for seed in range(8)]
    assert len({blob.shape for blob in blobs}) > 5


def test_too_small_an_area_is_refused():
    with pytest.raises(ValueError, match='at least 100 px, got 99'):
        draw_blob(99, np.random.default_rng(0))


def test_the_soft_edge_rises_from_the_border_to_one():
    weights = soft_edge(np.ones((21, 31), bool))
    middle = weights[10]
    assert (weights > 0).all() and middle[0] < .2
    assert (np.diff(middle[:SOFTNESS + 1]) > 0).all()
    np.testing.assert_allclose(middle[SOFTNESS:-SOFTNESS], 1)
    blob = draw_blob(900, np.random.default_rng(0))
    np.testing.assert_array_equal(soft_edge(blob) > 0, blob)


@pytest.mark.parametrize('strength', [6, 12, 30])
def test_on_mid_grey_the_strength_is_exact(strength):
    rng = np.random.default_rng(0)
    grey = np.full((120, 140, 3), 128, np.uint8)
    blob = draw_blob(3000, rng)
    texture = rng.uniform(-1, 1, (*blob.shape, 3))  # bounded, so that nothing clips
    changed, left = add_texture(grey, blob, (8, 9), texture, strength)
    inside = np.zeros(grey.shape[:2], bool)
    inside[8:8 + blob.shape[0], 9:9 + blob.shape[1]] = blob
    difference = changed.astype(float) - 128
    assert np.sqrt((difference[inside]**2).mean()) == pytest.approx(strength, rel=.01)
    assert left == pytest.approx(strength, rel=.01)
    assert not difference[~inside].any()
    assert (grey == 128).all()


def test_clipping_is_told():
    rng = np.random.default_rng(0)
    black = np.zeros((60, 60, 3), np.uint8)
    blob = draw_blob(900, rng)
    changed, left = add_texture(black, blob, (5, 5), rng.normal(size=(*blob.shape, 3)), 20)
    assert left == pytest.approx(20 / np.sqrt(2), rel=.05)  # the lower half is cut off
    assert changed.max() > 30


def test_the_mean_under_a_blob_at_every_place():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 50))
    for area in (100, 500):
        blob = draw_blob(area, rng)
        height, width = blob.shape
        means = mean_under(values, blob)
        assert means.shape == (40 - height + 1, 50 - width + 1)
        for row, column in [(0, 0), (means.shape[0] - 1, means.shape[1] - 1), (3, 5)]:
            window = values[row:row + height, column:column + width]
            assert means[row, column] == pytest.approx(window[blob].mean())


def test_a_blob_larger_than_the_map_fits_nowhere():
    assert mean_under(np.zeros((10, 50)), np.ones((11, 20), bool)).size == 0
    assert mean_under(np.zeros((50, 10)), np.ones((20, 11), bool)).size == 0
