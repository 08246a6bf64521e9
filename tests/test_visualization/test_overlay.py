from __future__ import annotations

import numpy as np
import pytest

from mmdesra.visualization import draw_overlay
from mmdesra.visualization.overlay import (
    INNER_COLOR,
    OUTER_COLOR,
    TINT,
    outline_path,
    outline_width,
)


def _image(height=60, width=80, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def _mask(height=60, width=80):
    mask = np.zeros((height, width), bool)
    mask[20:40, 30:50] = True
    return mask


def test_pixels_off_the_outline_keep_their_values():
    image, mask = _image(), _mask()
    out = draw_overlay(image, mask)
    far = np.ones_like(mask)
    far[19:41, 29:51] = False  # one px of outline at this size
    assert out.dtype == np.uint8 and out.shape == image.shape
    np.testing.assert_array_equal(out[far], image[far])


def test_region_is_tinted_and_outlined_on_both_sides_of_its_edge():
    image, mask = _image(), _mask()
    out = draw_overlay(image, mask)
    expected = np.rint(image[25:35, 35:45] * (1 - TINT) + np.array(INNER_COLOR) * TINT)
    np.testing.assert_allclose(out[25:35, 35:45], expected, atol=1)
    assert (out[20, 30:50] == INNER_COLOR).all() and (out[20:40, 49] == INNER_COLOR).all()
    assert (out[19, 30:50] == OUTER_COLOR).all() and (out[20:40, 50] == OUTER_COLOR).all()


@pytest.mark.parametrize('value', [0, 255])
def test_outline_shows_on_black_and_on_white(value):
    image, mask = np.full((60, 80, 3), value, np.uint8), _mask()
    edge = draw_overlay(image, mask)[20, 30:50].astype(int)
    assert np.abs(edge - value).max(axis=1).min() > 100


def test_arguments_are_not_changed():
    image, mask = _image(), _mask()
    before = image.copy(), mask.copy()
    draw_overlay(image, mask)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


def test_empty_mask_returns_an_equal_new_image():
    image = _image()
    out = draw_overlay(image, np.zeros(image.shape[:2], bool))
    np.testing.assert_array_equal(out, image)
    assert not np.shares_memory(out, image)


def test_full_mask_is_outlined_at_the_border_of_the_image():
    image = _image()
    out = draw_overlay(image, np.ones(image.shape[:2], bool))
    border = np.ones(image.shape[:2], bool)
    border[1:-1, 1:-1] = False
    assert (out[border] == INNER_COLOR).all()
    assert not (out[~border] == INNER_COLOR).all()


@pytest.mark.parametrize('size, width', [((1, 1), 1), ((480, 320), 2), ((4000, 3000), 3)])
def test_outline_width_grows_with_the_image_within_1_to_3(size, width):
    assert outline_width(*size) == width


@pytest.mark.parametrize('image', [
    np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.float32),
    np.zeros((0, 8, 3), np.uint8), [[1, 2, 3]]
])
def test_other_images_are_refused(image):
    with pytest.raises(ValueError, match=r'expected image to be .* uint8 .*, got'):
        draw_overlay(image, np.zeros((8, 8), bool))


@pytest.mark.parametrize('mask, message', [
    (np.zeros((60, 80), np.uint8), r'expected mask to be .*bool.* got uint8 \(60, 80\)'),
    (np.zeros((60, 80, 1), bool), r'got bool \(60, 80, 1\)'),
    (np.zeros((80, 60), bool), r'\(60, 80\), got \(80, 60\)'),
])
def test_other_masks_are_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        draw_overlay(_image(), mask)


def test_path_goes_around_regions_and_holes():
    mask = _mask()
    mask[28:32, 36:44] = False
    mask[50, 70] = True
    parts = outline_path(mask).split('Z')[:-1]
    boxes = []
    for part in parts:
        points = np.array([point.split() for point in part[1:].split('L')], float)
        boxes.append((*points.min(0), *points.max(0)))
    assert sorted(boxes) == [(30.5, 20.5, 49.5, 39.5),  # through the middles of border pixels
                             (35.5, 27.5, 44.5, 32.5), (70.5, 50.5, 70.5, 50.5)]
    assert outline_path(np.zeros((3, 3), bool)) == ''
