"""What every rival of DeSRA has in common, and the maps of those without a network."""
from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import make_pair
from skimage.metrics import structural_similarity

from mmdesra.detectors import SSIM, BaseDetector, LDLStar, TextureDifference, build_detector
from mmdesra.ops import clean_mask, local_std
from mmdesra.ops.ldl import ldl_artifact_map

NAMES = ['TextureDifference', 'LDLStar', 'SSIM']
MARGINS = dict(TextureDifference=5, LDLStar=0, SSIM=5)
images = arrays(np.uint8, (16, 18, 3), elements=st.integers(0, 255))


def striped_pair(size=(140, 160), amplitude=80):
    """Flat MSE-SR image; the GAN-SR image has stripes of 2 px in its middle."""
    mse = np.full((*size, 3), 120, np.uint8)
    gan = mse.copy()
    middle = gan[40:100, 50:120]
    middle[:, np.arange(70) // 2 % 2 == 0] += np.uint8(amplitude)
    return gan, mse


@pytest.mark.parametrize('name', NAMES)
def test_an_artifact_is_found_where_it_is(name):
    detector = build_detector(dict(type=name, min_area=1000))
    mask = detector.detect(*striped_pair()).mask
    assert mask[42:98, 52:118].all()
    mask[40 - 10:100 + 10, 50 - 10:120 + 10] = False
    assert not mask.any()


@pytest.mark.parametrize('name', NAMES)
def test_map_and_mask_have_the_frame_of_the_image_and_the_same_cleaning(name):
    gan, mse = make_pair(share=.3)
    detector = build_detector(dict(type=name, min_area=300))
    detection = detector.detect(gan, mse)
    assert detection.map.shape == detection.mask.shape == gan.shape[:2]
    assert detection.map.dtype == np.float32 and detection.mask.dtype == bool
    assert detector.margin == MARGINS[name]
    valid = detection.map[detector.margin:len(gan) - detector.margin,
                          detector.margin:gan.shape[1] - detector.margin]
    raw = (valid < detector.threshold if detector.low_is_artifact
           else valid > detector.threshold)
    expected = np.pad(clean_mask(torch.from_numpy(raw), 300).numpy(), detector.margin)
    assert expected.any()
    np.testing.assert_array_equal(detection.mask, expected)


@pytest.mark.parametrize('name, stricter', [
    ('TextureDifference', 2000), ('LDLStar', .05), ('SSIM', .1)])
def test_a_stricter_threshold_gives_a_part_of_the_mask(name, stricter):
    gan, mse = make_pair(share=.5)
    wide, narrow = (build_detector(dict(type=name, min_area=0, **options)).detect(gan, mse).mask
                    for options in (dict(), dict(threshold=stricter)))
    assert 0 < narrow.sum() < wide.sum()
    assert not (narrow & ~wide).any()


@pytest.mark.parametrize('name', NAMES)
@settings(max_examples=15, deadline=None)
@given(image=images)
def test_equal_images_have_no_artifact(name, image):
    detector = build_detector(dict(type=name, min_area=0))
    detection = detector.detect(image, image)
    assert not detection.mask.any()
    clean = 1 if detector.low_is_artifact else 0
    np.testing.assert_allclose(detection.map, clean, atol=1e-6)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('value', [0, 255])
def test_flat_and_saturated_images_have_finite_maps_and_no_artifact(name, value):
    gan = np.full((40, 50, 3), value, np.uint8)
    detection = build_detector(dict(type=name, min_area=0)).detect(gan, np.full_like(gan, 128))
    assert np.isfinite(detection.map).all()
    # A shift of the brightness is no texture; SSIM alone sees it.
    assert detection.mask.any() == (name == 'SSIM' and value == 0)


@pytest.mark.parametrize('name, side', [('TextureDifference', 11), ('LDLStar', 7), ('SSIM', 11)])
def test_an_image_below_the_window_is_an_error(name, side):
    detector = build_detector(name)
    assert detector.detect(*2 * (np.zeros((side, side, 3), np.uint8),)).map.shape == (side, side)
    small = np.zeros((side - 1, 40, 3), np.uint8)
    message = f'at least {side}x{side} px .*{name}.*got 40x{side - 1}'
    with pytest.raises(ValueError, match=message):
        detector.detect(small, small)


@pytest.mark.parametrize('name', NAMES)
def test_the_description_is_json_and_tells_thresholds_apart(name):
    default, other = (build_detector(dict(type=name, **options)).describe()
                      for options in (dict(), dict(threshold=.123)))
    assert default == json.loads(json.dumps(default))
    assert default['type'] == name and default != other


def test_published_and_chosen_thresholds():
    assert LDLStar().threshold == 0.01
    assert all(isinstance(build_detector(name), BaseDetector) for name in NAMES)


def test_the_texture_difference_is_that_of_the_paper():
    gan, mse = make_pair()
    std = [local_std(torch.from_numpy(image.transpose(2, 0, 1).copy())) for image in (gan, mse)]
    detection = TextureDifference().detect(gan, mse)
    expected = ((std[0] - std[1])**2).mean(dim=0)
    np.testing.assert_allclose(detection.map[5:-5, 5:-5], expected, rtol=1e-5)
    assert (detection.map[:5] == 0).all()  # the frame: no artifact


def test_the_ssim_is_that_of_scikit_image():
    gan, mse = make_pair()
    expected = structural_similarity(gan, mse, channel_axis=2, full=True, gaussian_weights=True,
                                     sigma=1.5, use_sample_covariance=False)[1].mean(axis=2)
    detection = SSIM().detect(gan, mse)
    np.testing.assert_allclose(detection.map[5:-5, 5:-5], expected[5:-5, 5:-5], atol=1e-6)
    assert (detection.map[:, -5:] == 1).all()  # the frame: no artifact


def test_the_ldl_map_reaches_the_border():
    gan, mse = make_pair()
    tensors = (torch.from_numpy(image.transpose(2, 0, 1).copy()) for image in (gan, mse))
    np.testing.assert_allclose(LDLStar().detect(gan, mse).map, ldl_artifact_map(*tensors),
                               rtol=1e-6)
