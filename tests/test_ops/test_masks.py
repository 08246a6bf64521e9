from __future__ import annotations

import numpy as np
import pytest
import torch
from hard_images import make_blotches, seeds, turned, turns
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mmdesra.ops import clean_mask, fill_holes, keep_large_regions
from mmdesra.ops.masks import keep_artifacts

SQUARE3, SQUARE5 = np.ones((3, 3)), np.ones((5, 5))


def blobs(seed, share=.5, size=(60, 70), scale=3):
    """Smooth random blobs; many touch the border."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=size), scale,
                                    mode='wrap')
    return noise > np.quantile(noise, 1 - share)


def large_only(mask, min_area):
    labels, count = ndimage.label(mask, SQUARE3)
    areas = ndimage.sum_labels(mask, labels, range(count + 1))
    return (areas > min_area)[labels] & mask


def cleaned_by_scipy(mask, min_area):
    mask = ndimage.binary_erosion(mask, SQUARE5, border_value=1)
    for _ in range(3):  # one by one: iterations=3 damages the heap below 13 px (SciPy 1.17)
        mask = ndimage.binary_dilation(mask, SQUARE5)
    return large_only(ndimage.binary_fill_holes(mask, SQUARE3), min_area)


def run(function, mask, *args):
    result = function(torch.from_numpy(mask), *args)
    assert result.dtype == torch.bool
    return result.numpy()


@pytest.mark.parametrize('scale', [.7, 2, 5])
@pytest.mark.parametrize('share', [.1, .3, .5, .8])
@pytest.mark.parametrize('min_area', [0, 200, 1000])
def test_cleaning_is_that_of_scipy(scale, share, min_area):
    for seed in range(5):
        mask = blobs(seed, share, scale=scale)
        expected = cleaned_by_scipy(mask, min_area)
        np.testing.assert_array_equal(run(clean_mask, mask, min_area), expected)


@pytest.mark.parametrize('share', [.3, .5, .7])
def test_filling_and_filtering_are_those_of_scipy(share):
    for seed in range(10):
        mask = blobs(seed, share, scale=1.5)
        np.testing.assert_array_equal(
            run(fill_holes, mask), ndimage.binary_fill_holes(mask, SQUARE3))
        np.testing.assert_array_equal(
            run(keep_large_regions, mask, 40), large_only(mask, 40))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.floats(.05, .9), st.floats(0, 1), st.sampled_from([0, 100, 900]))
def test_a_smaller_mask_gives_a_subset(seed, share, kept, min_area):
    rng = np.random.default_rng(seed)
    mask = blobs(seed, share, size=(40, 50), scale=2)
    smaller = mask & (blobs(seed + 1, kept, mask.shape, 4) | (rng.random(mask.shape) < kept))
    inside = run(clean_mask, smaller, min_area)
    assert not (inside & ~run(clean_mask, mask, min_area)).any()


def test_images_smaller_than_the_kernel():
    rng = np.random.default_rng(0)
    for height in range(1, 28, 3):
        for width in range(1, 15):
            mask = rng.random((height, width)) < rng.choice([.5, .9, .97])
            np.testing.assert_array_equal(run(clean_mask, mask, 2), cleaned_by_scipy(mask, 2))


small_sizes = st.tuples(st.integers(1, 70), st.integers(1, 70))


@settings(max_examples=80, deadline=None)
@given(seeds, small_sizes, st.integers(0, 2000))
def test_cleaning_boxes_rings_and_speckles_is_that_of_scipy(seed, size, min_area):
    mask = make_blotches(seed, size)
    expected = cleaned_by_scipy(mask, min_area)
    np.testing.assert_array_equal(run(clean_mask, mask, min_area), expected)


@settings(max_examples=40, deadline=None)
@given(seeds, small_sizes, turns, st.integers(0, 300))
def test_cleaning_turns_with_the_mask(seed, size, how, min_area):
    mask = torch.from_numpy(make_blotches(seed, size))
    for function in (lambda x: clean_mask(x, min_area), fill_holes,
                     lambda x: keep_large_regions(x, min_area)):
        assert torch.equal(function(turned(mask, how)), turned(function(mask), how))


@settings(max_examples=40, deadline=None)
@given(seeds, small_sizes, st.integers(0, 60), st.integers(0, 60), st.integers(0, 60),
       st.integers(0, 60), st.integers(0, 300))
def test_a_mask_away_from_the_border_may_lie_anywhere(seed, size, above, below, left, right,
                                                      min_area):
    """Whatever bounding boxes, blocks and strips the cleaning works with."""
    mask = np.pad(make_blotches(seed, size), 10)
    around = (above, below), (left, right)
    np.testing.assert_array_equal(run(clean_mask, np.pad(mask, around), min_area),
                                  np.pad(run(clean_mask, mask, min_area), around))


@settings(max_examples=40, deadline=None)
@given(seeds, small_sizes, st.integers(0, 500), st.integers(0, 500))
def test_a_larger_area_limit_gives_a_subset_and_nothing_is_done_twice(seed, size, few, more):
    mask = make_blotches(seed, size)
    assert not (run(clean_mask, mask, few + more) & ~run(clean_mask, mask, few)).any()
    filled, large = run(fill_holes, mask), run(keep_large_regions, mask, few)
    assert (filled | ~mask).all() and not (large & ~mask).any()
    np.testing.assert_array_equal(run(fill_holes, filled), filled)
    np.testing.assert_array_equal(run(keep_large_regions, large, few), large)


@pytest.mark.parametrize('size', [(1, 1), (11, 11), (70, 80)])
def test_an_image_that_is_one_artifact_stays_one(size):
    whole = np.ones(size, bool)
    assert run(clean_mask, whole, whole.size - 1).all()
    assert not run(clean_mask, whole, whole.size).any()


@pytest.mark.parametrize('min_area', [0, 4000])
def test_nothing_stays_nothing(min_area):
    assert not run(clean_mask, np.zeros((70, 80), bool), min_area).any()


def test_noise_goes_and_a_square_grows():
    mask = np.zeros((60, 60), bool)
    mask[5:9, 5:50] = True  # 4 px wide: the 5 px erosion removes it
    mask[30:35, 30:35] = True  # 1 px after the erosion, 13 × 13 after three dilations
    expected = np.zeros_like(mask)
    expected[26:39, 26:39] = True
    np.testing.assert_array_equal(run(clean_mask, mask, 168), expected)
    assert not run(clean_mask, mask, 169).any()


def test_a_hole_that_only_a_diagonal_opens_is_no_hole():
    ring = np.zeros((5, 5), bool)
    ring[1:4, 1:4] = True
    ring[2, 2] = False
    assert run(fill_holes, ring)[2, 2]
    ring[1, 1] = False  # the background now leaks out over the corner
    assert not run(fill_holes, ring)[2, 2]


def test_a_region_counts_with_its_holes():
    ring = np.zeros((60, 60), bool)
    ring[10:50, 10:50] = True
    ring[18:42, 18:42] = False  # 8 px wide; the cleaning makes it 48 × 48 with a hole of 16 × 16
    assert run(clean_mask, ring, 48 * 48 - 1).sum() == 48 * 48


def test_diagonal_neighbours_are_one_region():
    assert run(keep_large_regions, np.eye(5, dtype=bool), 4).sum() == 5
    assert run(keep_large_regions, np.eye(5, dtype=bool), 5).sum() == 0


def test_an_area_limit_that_rounding_put_just_below_still_drops():
    share = 0.7 / 100 * 1000 * 1000
    assert share < 7000
    mask = np.zeros((1000, 1000), bool)
    mask[:70, :100] = True
    assert not run(keep_large_regions, mask, share).any()
    mask[70, 0] = True
    assert run(keep_large_regions, mask, share).sum() == 7001


@pytest.mark.parametrize('function', [
    lambda mask: clean_mask(mask, 10), fill_holes, lambda mask: keep_large_regions(mask, 10)])
def test_the_input_is_left_alone_and_may_be_a_view(function):
    mask = torch.from_numpy(blobs(0)).T
    before = mask.clone()
    assert torch.equal(function(mask), function(mask.contiguous()))
    assert torch.equal(mask, before)


@settings(max_examples=80, deadline=None)
@given(seeds, st.sampled_from([.5, 1.5, 4]), st.floats(.05, .6),
       st.sampled_from([0, 30, 300, 900]), st.booleans())
def test_the_largest_region_that_is_dropped_is_that_of_scipy(seed, scale, share, min_area, rings):
    """Holes filled first; what lies in the hole of a kept region is not dropped but part of it."""
    mask = blobs(seed, share, (90, 110), scale)
    if rings:
        mask[10:70, 20:90] &= blobs(seed + 1, .3, (60, 70), 2)
        mask[[10, 69], 20:90] = mask[10:70, [20, 89]] = True
    filled = ndimage.binary_fill_holes(mask, SQUARE3)
    labels, count = ndimage.label(filled, SQUARE3)
    areas = ndimage.sum_labels(filled, labels, range(1, count + 1)).astype(int)
    kept = mask.copy()
    assert keep_artifacts(kept, min_area) == areas[areas <= min_area].max(initial=0)
    np.testing.assert_array_equal(kept, large_only(filled, min_area))


def test_a_region_in_the_hole_of_a_kept_one_is_not_dropped():
    mask = np.zeros((80, 80), bool)
    mask[5:70, 5:70] = True
    mask[8:67, 8:67] = False
    mask[30:40, 30:40] = True  # fills up with the ring
    mask[73:77, 73:77] = True  # outside
    assert keep_artifacts(mask, 200) == 16
    assert mask.sum() == 65 * 65
