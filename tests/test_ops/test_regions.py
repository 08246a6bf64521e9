from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hard_images import make_blotches, seeds, turned, turns
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mmdesra.ops import RegionChanges, compare_regions, label_regions


def mask_of(*boxes, size=(40, 40)):
    mask = torch.zeros(size, dtype=torch.bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


A, B, NEAR_B, FAR = (2, 12, 2, 12), (20, 30, 20, 30), (29, 35, 29, 35), (2, 8, 30, 38)


def test_regions_and_their_areas():
    regions = label_regions(mask_of(A, FAR))
    assert len(regions) == 2
    assert sorted(regions.areas.tolist()) == [48, 100]
    for label, area in enumerate(regions.areas.tolist(), 1):
        assert (regions.labels == label).sum() == area


@pytest.mark.parametrize('mask, count, areas', [
    (torch.zeros(4, 5, dtype=torch.bool), 0, []),
    (torch.ones(4, 5, dtype=torch.bool), 1, [20]),
    (torch.eye(4, dtype=torch.bool), 1, [4]),
])
def test_empty_full_and_diagonal_masks(mask, count, areas):
    regions = label_regions(mask)
    assert len(regions) == count
    assert regions.areas.tolist() == areas


@pytest.mark.parametrize('before, after, removed, added', [
    ([A, B], [], 2, 0),
    ([A, B], [B], 1, 0),
    ([A, B], [A, B], 0, 0),
    ([A], [A, FAR], 0, 1),
    ([A], [FAR], 1, 1),
    ([B], [NEAR_B], 0, 0),  # they share one pixel: neither removed nor added
    ([A, B], [(0, 40, 0, 40)], 0, 0),  # one region over all
    ([(0, 40, 0, 40)], [A, B], 0, 0),
    ([], [A, B], 0, 2),
    ([], [], 0, 0),
])
def test_changes_in_closed_form(before, after, removed, added):
    changes = compare_regions(mask_of(*before), mask_of(*after))
    assert changes == RegionChanges(len(before), len(after), removed, added)


def test_touching_without_a_common_pixel_is_removed_and_added():
    changes = compare_regions(mask_of((0, 5, 0, 5)), mask_of((5, 10, 5, 10)))
    assert (changes.removed, changes.added) == (1, 1)


def test_rates_over_several_images():
    total = RegionChanges(4, 1, 3, 0) + RegionChanges(0, 1, 0, 1) + RegionChanges(1, 0, 1, 0)
    assert total == RegionChanges(5, 2, 4, 1)
    assert total.removal_rate == pytest.approx(0.8)
    assert total.addition_rate == pytest.approx(0.2)


def test_without_regions_before_there_is_no_rate():
    changes = compare_regions(mask_of(), mask_of(A))
    assert math.isnan(changes.removal_rate)
    assert math.isnan(changes.addition_rate)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1))
def test_changes_of_noise_are_those_counted_one_by_one(seed, share_before, share_after):
    rng = np.random.default_rng(seed)
    before, after = (rng.random((12, 14)) < share for share in (share_before, share_after))

    def untouched(mask, other):
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        return sum(not other[labels == label].any() for label in range(1, count + 1)), count

    changes = compare_regions(torch.from_numpy(before), torch.from_numpy(after))
    assert (changes.removed, changes.before) == untouched(before, after)
    assert (changes.added, changes.after) == untouched(after, before)


@settings(max_examples=40, deadline=None)
@given(seeds, st.tuples(st.integers(1, 40), st.integers(1, 40)), turns)
def test_changes_swap_with_the_masks_and_do_not_turn(seed, size, how):
    before, after = (torch.from_numpy(make_blotches(seed + k, size)) for k in range(2))
    changes = compare_regions(before, after)
    assert compare_regions(after, before) == RegionChanges(
        changes.after, changes.before, changes.added, changes.removed)
    assert compare_regions(turned(before, how), turned(after, how)) == changes
    nothing = torch.zeros_like(before)
    assert compare_regions(before, nothing).removed == changes.before
    assert compare_regions(before, before) == RegionChanges(changes.before, changes.before, 0, 0)


@settings(max_examples=40, deadline=None)
@given(seeds, st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_boxes_hold_their_regions_tightly(seed, size):
    mask = torch.from_numpy(make_blotches(seed, size))
    regions = label_regions(mask.T)  # a view
    assert torch.equal(regions.labels > 0, mask.T)
    for label, (area, (x, y, width, height)) in enumerate(
            zip(regions.areas.tolist(), regions.boxes.tolist()), 1):
        rows, columns = torch.nonzero(regions.labels == label, as_tuple=True)
        assert len(rows) == area
        assert (y, y + height) == (rows.min(), rows.max() + 1)
        assert (x, x + width) == (columns.min(), columns.max() + 1)


def test_masks_of_two_sizes_are_an_error():
    with pytest.raises(ValueError, match=r'one shape, got \(40, 40\) and \(40, 41\)'):
        compare_regions(mask_of(A), mask_of(A, size=(40, 41)))
