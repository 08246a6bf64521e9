from __future__ import annotations

import numpy as np
import pytest

from mmdesra.visualization import make_strip
from mmdesra.visualization.strip import GAP, caption_height


def test_size_is_the_sum_of_the_scaled_panels_and_gaps():
    panels = [('LR', np.zeros((30, 40, 3), np.uint8)),
              ('MSE-SR', np.zeros((120, 160, 3), np.uint8)),
              ('GAN-SR', np.zeros((120, 90, 3), np.uint8))]
    out = make_strip(panels, 60)
    assert out.dtype == np.uint8
    assert out.shape == (caption_height(60) + 60, 80 + GAP + 80 + GAP + 45, 3)


def test_panels_are_in_order_with_white_gaps_and_dark_captions():
    colors = [(200, 10, 20), (10, 200, 20)]
    panels = [(str(i), np.full((64, 64, 3), color, np.uint8)) for i, color in enumerate(colors)]
    out = make_strip(panels, 64)
    top = caption_height(64)
    assert (out[top:, :64] == colors[0]).all()
    assert (out[top:, 64:64 + GAP] == 255).all()
    assert (out[top:, 64 + GAP:] == colors[1]).all()
    for left in (0, 64 + GAP):
        assert out[:top, left:left + 64].min() < 100  # ink


def test_smaller_image_keeps_hard_pixels():
    image = np.zeros((2, 2, 3), np.uint8)
    image[0, 0] = image[1, 1] = 255
    picture = make_strip([('', image)], 100)[caption_height(100):]
    np.testing.assert_array_equal(picture, image.repeat(50, 0).repeat(50, 1))


def test_long_caption_stays_above_its_own_panel():
    panels = [('a very long caption ' * 5, np.zeros((50, 50, 3), np.uint8)),
              ('', np.zeros((50, 50, 3), np.uint8))]
    out = make_strip(panels, 50)
    assert out.shape[1] == 100 + GAP
    assert (out[:caption_height(50), 50:] == 255).all()


@pytest.mark.parametrize('panels, height, message', [
    ([], 10, 'at least one'),
    ([('x', np.zeros((4, 4, 3), np.uint8))], 0, 'positive height, got 0'),
    ([('x', np.zeros((4, 4), np.uint8))], 10, r"panel 'x' .* got uint8 \(4, 4\)"),
])
def test_bad_arguments_are_refused(panels, height, message):
    with pytest.raises(ValueError, match=message):
        make_strip(panels, height)
