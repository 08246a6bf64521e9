from __future__ import annotations

import numpy as np
import pytest
import released_rule
from scenes import make_labels, make_pair

from mmdesra.detectors import ClassTable, DeSRA

INSIDE = (slice(5, -5), slice(5, -5))
SEA, SKY = 26, 2  # indices of the published table: bins 7 and 0
BINS = dict(enumerate(ClassTable.load().bins))


@pytest.mark.parametrize('with_labels', [False, True])
@pytest.mark.parametrize('min_area', [4000, 1000, 0])
@pytest.mark.parametrize('share', [.05, .3, .7])
def test_map_and_mask_are_those_of_the_released_rule(share, min_area, with_labels):
    detected = 0
    for seed in range(3):
        gan, mse = make_pair(seed, share=share)
        labels = make_labels(seed, gan.shape[:2], [*range(150), 255]) if with_labels else None
        expected_map, expected_mask = released_rule.detect(
            gan, mse, min_area, labels=labels, bins=BINS)

        detection = DeSRA(min_area=min_area).detect(gan, mse, labels)

        np.testing.assert_allclose(detection.map[INSIDE], expected_map, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(detection.mask[INSIDE], expected_mask)
        detected += expected_mask.sum()
    assert detected or (share, min_area) == (.05, 4000)


@pytest.mark.parametrize('threshold', [0.3, 0.9])
def test_the_threshold_is_that_of_the_released_rule(threshold):
    gan, mse = make_pair()
    mask = DeSRA(threshold=threshold, min_area=500).detect(gan, mse).mask
    np.testing.assert_array_equal(
        mask[INSIDE], released_rule.detect(gan, mse, 500, threshold)[1])


def test_results_lie_in_the_frame_of_the_image():
    gan, mse = make_pair(share=.8)
    detection = DeSRA(min_area=0).detect(gan, mse)
    frame = np.ones(gan.shape[:2], bool)
    frame[INSIDE] = False
    assert detection.map.shape == detection.mask.shape == gan.shape[:2]
    assert detection.map.dtype == np.float32 and detection.mask.dtype == bool
    assert (detection.map[frame] == 1).all() and not detection.mask[frame].any()
    assert detection.mask[5:8].any()  # up to the frame: nothing was shifted or cut
    assert detection.map.min() >= 0 and detection.map.max() <= 1
    assert detection.area == detection.mask.sum() == detection.regions.areas.sum()


def test_an_artifact_is_found_where_it_is():
    rng = np.random.default_rng(0)
    mse = np.full((120, 160, 3), 100, np.uint8)
    gan = mse.copy()
    gan[30:70, 90:140] = rng.integers(0, 256, (40, 50, 3))
    mask = DeSRA(min_area=1000).detect(gan, mse).mask
    assert mask[30:70, 90:140].all()
    # The window reaches 5 px beyond it, the cleaning (erosion 2, dilation 3 × 2) 4 px more.
    mask[30 - 9:70 + 9, 90 - 9:140 + 9] = False
    assert not mask.any()


def test_an_image_that_is_all_artifact_is_found_whole():
    mse = np.full((80, 90, 3), 100, np.uint8)
    gan = np.random.default_rng(0).integers(0, 256, mse.shape, dtype=np.uint8)
    detection = DeSRA(min_area=4000).detect(gan, mse)
    assert detection.mask[INSIDE].all()
    assert detection.area == 70 * 80
    assert len(detection.regions) == 1
    for share, found in [('77%', True), ('78%', False)]:  # 5600 of the whole image's 7200 px
        assert DeSRA(min_area=share).detect(gan, mse).mask.any() == found


@pytest.mark.parametrize('image', [
    np.zeros((60, 60, 3), np.uint8), np.full((60, 60, 3), 255, np.uint8), make_pair()[0]])
def test_a_pair_of_equal_images_has_no_artifacts(image):
    detection = DeSRA(min_area=0).detect(image, image)
    assert (detection.map == 1).all()
    assert not detection.mask.any()


def test_the_printed_form_takes_flat_areas_for_artifacts():
    flat = np.full((90, 90, 3), 255, np.uint8)
    assert DeSRA(form='printed').detect(flat, flat).mask[INSIDE].all()


def test_the_smallest_image_has_one_valid_pixel():
    detection = DeSRA(min_area=0).detect(*(np.zeros((11, 11, 3), np.uint8),) * 2)
    assert detection.map.shape == detection.mask.shape == (11, 11)


def test_views_are_images_too():
    gan, mse = make_pair()
    labels = make_labels(0, gan.shape[:2], range(150))
    expected = DeSRA(min_area=500).detect(*(np.ascontiguousarray(array[::-1, ::2])
                                            for array in (gan, mse, labels)))
    detection = DeSRA(min_area=500).detect(gan[::-1, ::2], mse[::-1, ::2], labels[::-1, ::2])
    np.testing.assert_array_equal(detection.map, expected.map)
    np.testing.assert_array_equal(detection.mask, expected.mask)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.int32, np.int64])
def test_labels_of_any_integer_type(dtype):
    gan, mse = make_pair()
    labels = make_labels(0, gan.shape[:2], [SEA, SKY, 255])
    expected = DeSRA(min_area=500).detect(gan, mse, labels)
    detection = DeSRA(min_area=500).detect(gan, mse, labels.astype(dtype))
    np.testing.assert_array_equal(detection.map, expected.map)


@pytest.mark.parametrize('min_area', [0, 1000])
def test_published_weights_only_ever_remove(min_area):
    removed = 0
    for seed in range(8):
        gan, mse = make_pair(seed, size=(100, 120), share=.4)
        labels = make_labels(seed, gan.shape[:2], [*range(150), 255])
        detector = DeSRA(min_area=min_area)
        without, with_labels = (detector.detect(gan, mse, given) for given in (None, labels))
        assert (with_labels.map >= without.map).all()
        assert not (with_labels.mask & ~without.mask).any()
        removed += (without.mask & ~with_labels.mask).sum()
    assert removed > 0


@pytest.mark.parametrize('label', [SKY, 255])
def test_a_class_of_bin_0_and_ignored_pixels_change_nothing(label):
    gan, mse = make_pair()
    labels = np.full(gan.shape[:2], label, np.uint8)
    without, with_labels = (DeSRA(min_area=0).detect(gan, mse, given) for given in (None, labels))
    np.testing.assert_array_equal(without.map, with_labels.map)


def test_a_table_of_ones_own_decides():
    gan, mse = make_pair()
    table = ClassTable(names=('strict', 'lenient'), bins=(-20, 19))
    strict, plain, lenient = (
        DeSRA(min_area=0, class_table=table).detect(gan, mse, labels).mask.sum()
        for labels in (np.zeros(gan.shape[:2], int), None, np.ones(gan.shape[:2], int)))
    assert strict > plain > lenient


def grey(height, width):
    return np.zeros((height, width, 3), np.uint8)


@pytest.mark.parametrize('gan, mse, message', [
    (grey(40, 50), grey(40, 48), r'one size, got 50x40 \(GAN-SR\) and 48x40 \(MSE-SR\)'),
    (grey(10, 50), grey(10, 50), r'at least 11x11 px .*got 50x10'),
    (grey(40, 50) / 255, grey(40, 50), r'GAN-SR image of shape \(H, W, 3\).*float64'),
    (grey(40, 50), grey(40, 50).astype(np.uint16), r'MSE-SR image .* dtype uint8, got .*uint16'),
    (grey(40, 50)[..., 0], grey(40, 50), r'GAN-SR image of shape \(H, W, 3\).*got \(40, 50\)'),
    (grey(40, 50), np.zeros((40, 50, 4), np.uint8), r'MSE-SR image .*got \(40, 50, 4\)'),
])
def test_a_bad_pair_is_an_error(gan, mse, message):
    with pytest.raises(ValueError, match=message):
        DeSRA().detect(gan, mse)


@pytest.mark.parametrize('labels, message', [
    (np.zeros((40, 51), np.uint8), r'label map .*50x40, got shape \(40, 51\)'),
    (np.zeros((40, 50, 3), np.uint8), r'label map .*50x40, got shape \(40, 50, 3\)'),
    (np.zeros((40, 50)), 'label map of integers.*got .*float64'),
    (np.full((40, 50), 150), r'labels in \[0, 149\] or 255 .*got 150'),
    (np.full((40, 50), 300), r'labels in \[0, 149\] or 255 .*got 300'),  # not 300 - 256
])
def test_bad_labels_are_an_error(labels, message):
    with pytest.raises(ValueError, match=message):
        DeSRA().detect(grey(40, 50), grey(40, 50), labels)


@pytest.mark.parametrize('options, message', [
    (dict(threshold=0), r'\(0, 1\], got 0'),
    (dict(threshold=1.1), r'\(0, 1\], got 1.1'),
    (dict(form='paper'), "released.*got 'paper'"),
    (dict(min_area='a lot'), "got 'a lot'"),
])
def test_bad_options_are_an_error_before_the_first_image(options, message):
    with pytest.raises(ValueError, match=message):
        DeSRA(**options)
