from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mmdesra.visualization.before_after import (
    CROP_HEIGHT,
    FRAME_COLOR,
    GAP,
    WHOLE_SIDE,
    BeforeAfterImage,
    draw_before_after,
    enlarge,
)
from mmdesra.visualization.fates import FATE_COLORS

BLUE, GREEN, GREY = (0, 0, 200), (0, 200, 0), (128, 128, 128)


def flat(size, color):
    return np.full((*size, 3), color, np.uint8)


def make_image(size=(240, 400), region=(slice(100, 130), slice(300, 340)), left=False):
    mask = np.zeros(size, bool)
    mask[region] = True
    return BeforeAfterImage(
        title='photograph.png', lq=flat((size[0] // 4, size[1] // 4), 10), mse=flat(size, GREY),
        before=flat(size, BLUE), mask_before=mask, after=flat(size, GREEN),
        mask_after=mask if left else np.zeros(size, bool))


def crops_of(picture):
    """The four crops at the bottom, from left to right."""
    row = picture[-GAP - CROP_HEIGHT:-GAP]
    side = CROP_HEIGHT + GAP
    return [row[:, start:start + CROP_HEIGHT] for start in range(0, row.shape[1], side)]


def test_four_versions_of_the_worst_place():
    picture = draw_before_after(make_image())
    assert picture.shape[1] == 4 * CROP_HEIGHT + 3 * GAP
    for crop, color in zip(crops_of(picture), (10, GREY, BLUE, GREEN)):
        assert (crop == color).all()


def test_the_truth_is_the_fifth_version():
    image = make_image()
    picture = draw_before_after(replace(image, truth=flat(image.mse.shape[:2], (200, 0, 200))))
    assert picture.shape[1] == 5 * CROP_HEIGHT + 4 * GAP
    for crop, color in zip(crops_of(picture), (10, GREY, BLUE, GREEN, (200, 0, 200))):
        assert (crop == color).all()


@pytest.mark.parametrize('fate', ['gone', 'faded', 'left'])
def test_the_outline_before_has_the_colour_of_what_became_of_the_region(fate):
    picture = draw_before_after(replace(make_image(), fates=[fate]))
    before = picture[:, :picture.shape[1] // 2]
    outlines = {name: (before == color).all(axis=2).sum() for name, color in FATE_COLORS.items()}
    assert outlines[fate] > 100
    assert not any(count for name, count in outlines.items() if name != fate)


@pytest.mark.parametrize('left', [False, True])
def test_the_region_is_outlined_where_it_is_found_and_framed_in_both(left):
    picture = draw_before_after(make_image(left=left))
    middle = picture.shape[1] // 2
    frames = [(half == FRAME_COLOR).all(axis=2).sum() for half in (picture[:, :middle],
                                                                   picture[:, middle:])]
    assert frames[0] == frames[1] > 500
    outlines = [(half == (230, 0, 38)).all(axis=2).sum() for half in (picture[:, :middle],
                                                                      picture[:, middle:])]
    assert outlines[0] > 100
    assert outlines[1] == (outlines[0] if left else 0)


def test_the_place_is_that_of_the_largest_region_left():
    """Not of a larger one that is gone."""
    image = make_image(region=(slice(0, 100), slice(0, 100)))
    after = image.mask_after.copy()
    after[200:220, 350:380] = True
    before = image.before.copy()
    before[200:220, 350:380] = GREY
    picture = draw_before_after(replace(image, mask_after=after, before=before))
    grey = (crops_of(picture)[2] == GREY).all(axis=2)
    assert grey.sum() == 20 * 30 * 4  # a window of 160 px, shown twice as large


@pytest.mark.parametrize('size', [(40, 60), (1600, 900), (700, 1900)])
def test_any_size(size):
    region = slice(5, size[0] // 2), slice(5, size[1] // 2)
    picture = draw_before_after(make_image(size, region))
    assert picture.dtype == np.uint8
    assert picture.shape[0] < WHOLE_SIDE + CROP_HEIGHT + 150
    assert 4 * CROP_HEIGHT + 3 * GAP <= picture.shape[1] <= 4 * CROP_HEIGHT * 60 // 40 + 3 * GAP


def test_enlarging_is_that_of_pillow():
    """Up to the other bicubic kernel: -0.75 in OpenCV, -0.5 in Pillow; of a ramp, the same."""
    ramp = (3 * np.arange(20)[:, None] + 5 * np.arange(24)[None]).astype(np.uint8)
    lq = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=-1)
    crop = slice(13, 60), slice(16, 77)
    whole = np.asarray(Image.fromarray(lq).resize((96, 80), Image.Resampling.BICUBIC))
    difference = enlarge(lq, crop, (80, 96)).astype(int) - whole[crop]
    assert np.abs(difference).max() <= 1


def test_versions_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="'after' of 'photograph.png' to have the shape"):
        draw_before_after(replace(make_image(), after=flat((4, 4), GREY)))
