"""What holds of every detection, whatever the images: turned, swapped, moved, views.

A pixel whose value is within rounding of the threshold may fall on either side of it. So masks
are compared with two others: every step is monotone, hence the mask of a slightly stricter
threshold is a part of each right answer, and that of a slightly looser one holds each. Where the
two are equal, which is nearly always, so must the answer be.
"""
from __future__ import annotations

import numpy as np
import pytest
import released_rule
import torch
from hard_images import make_blotches, make_pair, seeds, sizes, turned, turns
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdesra.detectors import DeSRA, build_detector

FAST = dict(DeSRA=[.3, .7, 1.], SSIM=[-.2, .3, .9], TextureDifference=[5, 170, 1500],
            LDLStar=[.002, .01, .05])
"""Detectors of a few thousand pixels a millisecond, and thresholds."""

ROUNDING = 1e-5
INSIDE = slice(5, -5), slice(5, -5)

of_fast = pytest.mark.parametrize('name', FAST)
min_areas = st.sampled_from([0, 60, '5%'])
examples = settings(max_examples=15)


@st.composite
def detectors(draw, name):
    return build_detector(dict(type=name, threshold=draw(st.sampled_from(FAST[name])),
                               min_area=draw(min_areas)))


def make_arrays(seed, size):
    """A GAN-SR and an MSE-SR image (H, W, 3), equal outside blotches."""
    gan, mse = (image.permute(1, 2, 0).numpy() for image in make_pair(seed, 3, size))
    return np.where(make_blotches(seed, size)[..., None], gan, mse), mse


def turned_array(array, how):
    planes = array.transpose(2, 0, 1) if array.ndim == 3 else array
    result = turned(torch.from_numpy(planes.copy()), how).numpy()
    return result.transpose(1, 2, 0) if array.ndim == 3 else result


def assert_map_is(detection, expected):
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(detection.map / scale, expected / scale, rtol=0, atol=1e-6)


def assert_same(detection, expected_map, detector, frame=lambda mask: mask):
    """The detection's map is the expected one, and its mask is the one that this map gives."""
    assert_map_is(detection, expected_map)
    slack = ROUNDING * max(1, abs(detector.threshold))
    part, whole = sorted((detector.mask_at(expected_map, detector.threshold + sign * slack)
                          for sign in (-1, 1)), key=np.sum)
    mask = frame(detection.mask)
    assert not (frame(part) & ~mask).any() and not (mask & ~frame(whole)).any()


@of_fast
@examples
@given(seeds, sizes, turns, st.data())
def test_turned_images_have_the_turned_detection(name, seed, size, how, data):
    detector = data.draw(detectors(name))
    gan, mse = make_arrays(seed, size)
    found = detector.detect(turned_array(gan, how), turned_array(mse, how))
    assert_same(found, turned_array(detector.detect(gan, mse).map, how), detector)


@of_fast
@examples
@given(seeds, sizes, st.permutations(range(3)), st.data())
def test_the_order_of_channels_and_images_does_not_matter(name, seed, size, order, data):
    detector = data.draw(detectors(name))
    gan, mse = make_arrays(seed, size)
    detection = detector.detect(gan, mse)
    assert_same(detector.detect(gan[..., order], mse[..., order]), detection.map, detector)
    swapped = detector.detect(mse, gan)
    np.testing.assert_array_equal(swapped.map, detection.map)
    np.testing.assert_array_equal(swapped.mask, detection.mask)


def views_of(image):
    """The same image in other memory layouts, one of them read-only."""
    height, width, channels = image.shape
    larger = np.full((2 * height + 3, 3 * width + 2, channels + 1), 77, np.uint8)
    larger[3::2, 2::3, 1:] = image
    fixed = image.copy()
    fixed.flags.writeable = False
    return [np.asfortranarray(image), larger[3::2, 2::3, 1:], fixed,
            image[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]]


@of_fast
@examples
@given(seeds, sizes, st.data())
def test_the_memory_layout_does_not_matter_and_nothing_is_written(name, seed, size, data):
    detector = data.draw(detectors(name))
    gan, mse = make_arrays(seed, size)
    expected = detector.detect(gan, mse)
    for view, other in zip(views_of(gan), reversed(views_of(mse))):
        detection = detector.detect(view, other)
        np.testing.assert_array_equal(detection.map, expected.map)
        for mask in (detection.mask, detector.find_mask(view, other)):
            np.testing.assert_array_equal(mask, expected.mask)
        assert (view == gan).all() and (other == mse).all()


@of_fast
@examples
@given(seeds, sizes, st.data())
def test_stricter_settings_give_a_part(name, seed, size, data):
    gan, mse = make_arrays(seed, size)
    detection = build_detector(dict(type=name, min_area=0)).detect(gan, mse)
    low, high = sorted(data.draw(st.tuples(*[st.sampled_from(FAST[name])] * 2)))
    few, many = sorted(data.draw(st.tuples(*[st.integers(0, 500)] * 2)))

    def mask(threshold, min_area):
        detector = build_detector(dict(type=name, threshold=threshold, min_area=min_area))
        found = detector.detect(gan, mse)
        np.testing.assert_array_equal(found.map, detection.map)
        np.testing.assert_array_equal(found.mask, detector.mask_at(detection.map, threshold))
        return found.mask

    strict, loose = (low, high) if detector_is_low(name) else (high, low)
    assert not (mask(strict, few) & ~mask(loose, few)).any()
    assert not (mask(loose, many) & ~mask(loose, few)).any()


def detector_is_low(name):
    return build_detector(name).low_is_artifact


@settings(max_examples=60)
@given(seeds, sizes, st.data())
def test_detections_are_those_of_the_released_rule(seed, size, data):
    detector = data.draw(detectors('DeSRA'))
    gan, mse = make_arrays(seed, size)
    detection = detector.detect(gan, mse)
    area = detector.min_area.pixels(*size)
    expected, _ = released_rule.detect(gan, mse, area, detector.threshold)
    np.testing.assert_allclose(detection.map[INSIDE], expected, rtol=0, atol=1e-6)
    mask = detection.mask[INSIDE]
    part, whole = (released_rule.clean(expected < detector.threshold + slack, area)
                   for slack in (-ROUNDING, ROUNDING))
    assert not (part & ~mask).any() and not (mask & ~whole).any()


@of_fast
def test_the_scenes_hold_artifacts_and_clean_images(name):
    """Without both, the tests above would hold for a detector that says always the same."""
    detector = build_detector(dict(type=name, min_area=60))
    shares = [detector.detect(*make_arrays(seed, (60, 70))).mask.mean() for seed in range(30)]
    assert sum(share == 0 for share in shares) > 3
    assert sum(0 < share < .5 for share in shares) > 3


@pytest.mark.parametrize('name', ['DeSRA', 'SSIM', 'TextureDifference'])
@settings(max_examples=20)
@given(seeds, st.integers(0, 440), st.integers(0, 140))
def test_a_moved_artifact_is_the_artifact_moved(name, seed, top, left):
    """Wherever it lies to the seams of blocks and strips; up to the border it is cut off."""
    rng = np.random.default_rng(seed)
    background = rng.integers(90, 110, 3).astype(np.uint8)
    noise = rng.integers(0, 256, (40, 50, 3), np.uint8)
    noise[12:30, 15:38] = background  # after the cleaning it is no hole, or none of one piece
    detector = build_detector(dict(type=name, min_area=300))

    def detect(size, corner):
        mse = np.broadcast_to(background, (*size, 3)).copy()
        gan = mse.copy()
        gan[corner[0]:corner[0] + 40, corner[1]:corner[1] + 50] = noise
        return detector.detect(gan, mse)

    alone = detect((100, 110), (30, 30))
    found = detect((560, 270), (top + 40, left + 40))
    window = slice(top + 10, top + 110), slice(left + 10, left + 120)
    assert alone.area > 300
    np.testing.assert_allclose(found.map[window][INSIDE], alone.map[INSIDE], rtol=1e-6,
                               atol=1e-6)
    np.testing.assert_array_equal(found.mask[window], alone.mask)
    assert found.area == alone.area


class OfMap(DeSRA):
    """DeSRA on a map D that is given."""

    def artifact_map(self, gan, mse):
        return self.difference

    def mask_of(self, artifact):
        self.difference = torch.from_numpy(1 - artifact.astype(np.float32))
        image = np.zeros((*(side + 10 for side in artifact.shape), 3), np.uint8)
        return self.detect(image, image).mask[INSIDE]


def test_a_hole_is_filled_unless_it_touches_the_border_of_the_valid_area():
    artifact = np.zeros((70, 80), bool)
    artifact[:60, 10:70] = True
    artifact[:40, 30:50] = False  # opens upwards; 4 px narrower on each side when it is cleaned
    detector = OfMap(min_area=0)
    mask = detector.mask_of(artifact)
    assert mask[:64, 6:74].sum() == mask.sum() == 64 * 68 - 36 * 12
    assert not mask[:36, 34:46].any()
    artifact[:6] |= artifact[50]  # a lid
    assert detector.mask_of(artifact)[:64, 6:74].all()


@pytest.mark.parametrize('rows, columns', [
    (slice(0, 9), slice(0, 9)), (slice(0, 9), slice(-9, None)), (slice(-9, None), slice(0, 9)),
    (slice(-9, None), slice(-9, None)), (slice(20, 29), slice(-9, None))])
def test_an_artifact_at_the_border_is_not_eroded_from_there(rows, columns):
    artifact = np.zeros((60, 70), bool)
    artifact[rows, columns] = True
    area = 13 * (13 if rows.start in (0, -9) else 17)  # 4 px more where there is no border
    assert OfMap(min_area=area - 1).mask_of(artifact).sum() == area
    assert OfMap(min_area=area).mask_of(artifact).sum() == 0


@pytest.mark.parametrize('size', [(1, 1), (1, 60), (64, 1), (65, 63)])
def test_a_valid_area_that_is_all_artifact(size):
    everywhere = np.ones(size, bool)
    assert OfMap(min_area=everywhere.size - 1).mask_of(everywhere).all()
    assert not OfMap(min_area=everywhere.size).mask_of(everywhere).any()


@pytest.mark.parametrize('low_is_artifact', [True, False])
def test_the_threshold_itself_is_no_artifact(low_is_artifact):
    image = np.zeros((40, 50, 3), np.uint8)
    detector = OfMap(threshold=.5, min_area=0)
    detector.low_is_artifact = low_is_artifact
    beyond = np.nextafter(np.float32(.5), np.float32(0 if low_is_artifact else 1))
    for value, found in ((.5, False), (beyond, True)):
        detector.difference = torch.full((30, 40), float(value))
        for mask in (detector.detect(image, image).mask, detector.find_mask(image, image)):
            assert mask[INSIDE].all() == mask.any() == found


@pytest.mark.parametrize('share, found', [('73%', True), ('74%', False)])
def test_a_share_is_one_of_the_whole_image(share, found):
    """The valid area, all artifact, is 60² of 70² px."""
    image = np.zeros((70, 70, 3), np.uint8)
    detector = OfMap(min_area=share)
    detector.difference = torch.zeros(60, 60)
    assert detector.detect(image, image).mask.any() == found
    assert detector.find_mask(image, image).any() == found
