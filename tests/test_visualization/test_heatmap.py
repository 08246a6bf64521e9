from __future__ import annotations

import cv2
import numpy as np
import pytest

from mmdesra.visualization import draw_heatmap
from mmdesra.visualization.heatmap import NO_SCORE_COLOR


def test_heatmap_shows_artifacts_bright_and_same_texture_dark():
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    colors = draw_heatmap(ramp)
    assert colors.dtype == np.uint8 and colors.shape == (1, 256, 3)
    gray = cv2.cvtColor(colors, cv2.COLOR_RGB2GRAY)[0].astype(int)
    assert gray[0] > 200 and gray[-1] < 5
    assert (np.diff(gray) <= 1).all()
    middle = colors[0, 100]
    assert middle[0] > middle[2]  # INFERNO is warm: red before blue, so the order is RGB


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_heatmap_takes_every_float(dtype):
    assert (draw_heatmap(np.ones((3, 4), dtype)) == draw_heatmap(np.ones((3, 4)))).all()


def test_native_range_with_high_artifacts_gives_the_colours_of_the_mirrored_shares():
    ramp = np.linspace(0, 1, 33, dtype=np.float32)[None]
    np.testing.assert_array_equal(draw_heatmap(0.02 * ramp, (0, 0.02), low_is_artifact=False),
                                  draw_heatmap(1 - ramp))
    np.testing.assert_array_equal(draw_heatmap(5 * ramp - 2, (-2, 3)), draw_heatmap(ramp))


def test_values_beyond_the_range_take_the_colour_of_its_end():
    got = draw_heatmap(np.array([[-9, 0, 2, 9, np.inf, -np.inf]]), (0, 2))
    want = draw_heatmap(np.array([[0., 0, 1, 1, 1, 0]]))
    np.testing.assert_array_equal(got, want)


def test_no_score_is_grey_which_the_scale_does_not_have():
    got = draw_heatmap(np.array([[np.nan, 0.5]]))[0]
    assert tuple(got[0]) == NO_SCORE_COLOR
    scale = draw_heatmap(np.linspace(0, 1, 256)[None])[0]
    assert (scale != NO_SCORE_COLOR).any(axis=1).all()


@pytest.mark.parametrize('bad, message', [
    (np.zeros((4, 4), np.uint8), r'float array \(H, W\), got uint8 \(4, 4\)'),
    (np.zeros((4, 4, 1)), r'got float64 \(4, 4, 1\)'),
    (np.zeros((0, 4)), r'non-empty float array'),
])
def test_other_maps_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        draw_heatmap(bad)


@pytest.mark.parametrize('bad', [(1, 0), (1, 1), (0, np.nan)])
def test_empty_ranges_are_refused(bad):
    with pytest.raises(ValueError, match='low < high'):
        draw_heatmap(np.zeros((4, 4)), bad)
