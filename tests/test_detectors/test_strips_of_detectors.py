"""Detectors whose map is local are computed in strips, without a trace."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import make_pair

from mmdesra.detectors import DETECTORS, BaseDetector, DeSRA, build_detector
from mmdesra.detectors.area import AreaLimit
from mmdesra.ops import strips

LOCAL = sorted(name for name, kind in DETECTORS.module_dict.items() if kind.is_local)


class Shifted(BaseDetector):
    """Compares each pixel with the one 3 rows above and 3 rows below."""

    is_local = True
    margin = 3
    min_size = 7
    low_is_artifact = False
    map_range = (0., 255.)

    def artifact_map(self, gan, mse):
        up, down = gan[0, :-6, 3:-3].float(), mse[1, 6:, 3:-3].float()
        return (up - down).abs()


def map_in_strips(detector, pair, strip_pixels):
    """The map, and the heights of the strips."""
    heights = []
    whole = detector.artifact_map

    def artifact_map(gan, mse):
        heights.append(gan.shape[1])
        return whole(gan, mse)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strips, 'MIN_STRIP_ROWS', 1)
        patch.setattr(detector, 'strip_pixels', strip_pixels)
        patch.setattr(detector, 'artifact_map', artifact_map)
        return detector.detect(*pair).map, heights


def test_the_known_ones():
    assert {'DeSRA', 'SSIM', 'TextureDifference'} <= set(LOCAL)
    assert not {'LDLStar', 'NIQE'} & set(LOCAL)  # they look at the whole image


@pytest.mark.parametrize('name', [*LOCAL, 'Shifted', 'printed'])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 9), height=st.integers(11, 90), width=st.integers(11, 60),
       rows=st.integers(1, 40))
def test_the_map_is_that_of_the_whole_image_bit_for_bit(name, seed, height, width, rows):
    detector = (Shifted(20) if name == 'Shifted' else DeSRA(form='printed') if name == 'printed'
                else build_detector(name))
    pair = [image[:height, :width] for image in make_pair(seed, size=(90, 60))]
    tensors = [torch.from_numpy(image.transpose(2, 0, 1).copy()) for image in pair]
    margin = detector.margin
    expected = detector.artifact_map(*tensors).float().numpy()
    found, heights = map_in_strips(detector, pair, rows * width)
    np.testing.assert_array_equal(found[margin:height - margin, margin:width - margin], expected)
    assert max(heights) <= rows + 2 * margin
    assert len(heights) == -(-(height - 2 * margin) // rows)


@pytest.mark.parametrize('name', LOCAL)
def test_a_last_strip_of_one_row(name):
    detector = build_detector(name)
    gan, mse = make_pair(size=(10 + 64 + 1, 50))
    found, heights = map_in_strips(detector, (gan, mse), 32 * 50)
    assert heights == [42, 42, 11]
    np.testing.assert_array_equal(found, detector.detect(gan, mse).map)


def test_a_large_image_is_cut_by_default():
    """Without this the other tests would hold for code that never makes strips."""
    gan = np.zeros((300, strips.STRIP_PIXELS // 100, 3), np.uint8)
    heights = []

    class Flat(Shifted):
        def artifact_map(self, gan, mse):
            heights.append(gan.shape[1])
            return super().artifact_map(gan, mse)

    Flat(20).detect(gan, gan)
    assert heights == [106, 106, 300 - 200]


@pytest.mark.parametrize('name', [*LOCAL, 'Shifted', 'LDLStar'])
@pytest.mark.parametrize('rows', [1, 9, 1000])
def test_the_mask_without_a_map_is_that_with_one(name, rows):
    detector = Shifted(20) if name == 'Shifted' else build_detector(name)
    detector.min_area = AreaLimit.parse(150)
    gan, mse = make_pair(size=(120, 100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strips, 'MIN_STRIP_ROWS', 1)
        detector.strip_pixels = rows * 100
        found = detector.find_mask(gan, mse)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, detector.detect(gan, mse).mask)
    assert found.any()


def test_without_a_map_the_pair_is_checked_too():
    gan, mse = make_pair(size=(40, 50))
    with pytest.raises(ValueError, match='images of one size'):
        DeSRA().find_mask(gan, mse[:-1])
    with pytest.raises(ValueError, match='a finite map'):
        Broken(20).find_mask(gan, mse)


class Broken(Shifted):
    def artifact_map(self, gan, mse):
        return super().artifact_map(gan, mse).div(0)
