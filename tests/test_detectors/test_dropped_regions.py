"""Regions that are dropped for their size are told, and the whole image's size decides."""
from __future__ import annotations

import numpy as np
import pytest
from toys import GAN_AMPLITUDE, ToyGenerator, make_lq_image

from mmdesra.detectors import SSIM, DeSRA, LDLStar
from mmdesra.files.dropped_regions import HOOK_OPTION, name_dropped
from mmdesra.generators import Upscaler


def pair(tile=0, size=(100, 120)):
    lq = make_lq_image(3, size)
    return (Upscaler(ToyGenerator(GAN_AMPLITUDE), tile, tile_pad=2)(lq),
            Upscaler(ToyGenerator(), tile, tile_pad=2)(lq))


@pytest.mark.parametrize('kind', [DeSRA, LDLStar, SSIM])
def test_by_default_the_limit_is_a_share_of_the_image(kind):
    gan, mse = pair()
    every = kind(min_area=0).detect(gan, mse).regions.areas.numpy()
    detection = kind().detect(gan, mse)
    limit = .004 * gan.shape[0] * gan.shape[1]
    assert 361 < limit < 4000
    np.testing.assert_array_equal(detection.regions.areas, every[every > limit])
    assert detection.largest_dropped == every[every <= limit].max(initial=0)


def test_tiles_and_strips_change_neither_the_limit_nor_what_is_dropped():
    """A tile of 20 LR px has 6400 SR px, of which 0.4% would be less than the floor."""
    gan, mse = pair()
    whole = DeSRA(threshold=.8).detect(gan, mse)
    assert whole.largest_dropped and len(whole.regions)
    tiled = DeSRA(threshold=.8).detect(*pair(tile=20))
    np.testing.assert_array_equal(tiled.mask, whole.mask)
    assert tiled.largest_dropped == whole.largest_dropped
    strips = DeSRA(threshold=.8)
    strips.strip_pixels = 40 * gan.shape[1]
    np.testing.assert_array_equal(strips.find_mask(gan, mse), whole.mask)
    assert strips.detect(gan, mse).largest_dropped == whole.largest_dropped


def test_what_is_named_shows_the_region():
    gan, mse = pair()
    detection = DeSRA(threshold=.8).detect(gan, mse)
    wider = DeSRA(threshold=.8, min_area=detection.largest_dropped - 1).detect(gan, mse)
    assert detection.largest_dropped in wider.regions.areas.tolist()
    assert wider.largest_dropped < detection.largest_dropped
    assert DeSRA(threshold=.8, min_area=0).detect(gan, mse).largest_dropped == 0


def test_images_are_counted_and_the_largest_region_is_named():
    assert name_dropped([('a', 0)]) == name_dropped([]) == ''
    assert name_dropped([('a', 30), ('b', 0), ('c', 2000)]) == (
        'regions in 2 images, the largest with 2,000 px in c; --min-area 1999 shows it')
    assert name_dropped([('a', 5)], HOOK_OPTION) == (
        'regions in 1 image, the largest with 5 px in a; --hook-options detector.min_area=4 '
        'shows it')
