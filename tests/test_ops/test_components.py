from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from test_masks import blobs

from mmdesra.ops.components import flip_components
from mmdesra.ops.groups import BLOCK, find_groups
from mmdesra.ops.masks import clean_strips, keep_artifacts

SQUARE3 = np.ones((3, 3))


def spiral(size):
    """One arm of one pixel's width that crosses every row many times."""
    mask = np.zeros((size, size), bool)
    top, left, bottom, right = 0, 0, size - 1, size - 1
    while top < bottom:
        mask[top, max(left - 2, 0):right + 1] = mask[top:bottom + 1, right] = True
        mask[bottom, left:right + 1] = mask[top + 2:bottom + 1, left] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    return mask


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), share=st.floats(.1, .9), scale=st.sampled_from([.6, 1.5, 4]),
       rows=st.integers(1, 61), value=st.booleans(), limit=st.sampled_from([1, 5, 60]))
def test_strips_leave_no_trace(seed, share, scale, rows, value, limit):
    mask = blobs(seed, share, scale=scale)
    labels, count = ndimage.label(mask == value, SQUARE3)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    border = np.zeros(count + 1, bool)
    border[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = True
    flips = (areas <= limit) | ~border & (areas > 10 * limit)
    flips[0] = False
    found = mask.copy()
    flip_components(found, value, lambda some: (some.areas <= limit) | ~some.touches_border
                    & (some.areas > 10 * limit), strip_pixels=rows * mask.shape[1])
    np.testing.assert_array_equal(found, mask ^ flips[labels])


@pytest.mark.parametrize('rows', [1, 2, 7, 60])
def test_a_component_that_crosses_every_seam_many_times(rows):
    mask = spiral(61)
    assert ndimage.label(mask, SQUARE3)[1] == 1
    seen = []
    flip_components(mask.copy(), True, lambda some: seen.append(some) or some.areas < 0,
                    strip_pixels=rows * 61)
    assert seen[0].areas.tolist() == [mask.sum()]


def test_an_area_that_no_small_integer_holds():
    mask, seen = np.ones((400, 300), bool), []
    flip_components(mask, True, lambda some: seen.append(some) or some.areas <= 4000,
                    strip_pixels=130 * 300)
    assert seen[0].areas.tolist() == [120_000]
    assert mask.all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), share=st.floats(.01, .7), scale=st.sampled_from([1, 3, 8]),
       min_area=st.sampled_from([0, 40, 400, 4000]))
def test_groups_change_nothing(seed, share, scale, min_area):
    """Filling and dropping group by group, against doing it to the whole mask."""
    mask = blobs(seed, share, size=(130, 171), scale=scale)
    filled = ndimage.binary_fill_holes(mask, SQUARE3)
    labels, _ = ndimage.label(filled, SQUARE3)
    kept = np.bincount(labels.ravel()) > min_area
    kept[0] = False
    found = mask.copy()
    keep_artifacts(found, min_area)
    np.testing.assert_array_equal(found, kept[labels])


def test_regions_that_lie_in_one_anothers_boxes():
    """A ring around a region, and an L beside a region in its corner: their own groups."""
    mask = np.zeros((300, 300), bool)
    mask[0:140, 0:140], mask[8:132, 8:132], mask[60:80, 60:80] = True, False, True
    mask[160:300, 160:170], mask[290:300, 160:300], mask[180:200, 240:260] = True, True, True
    assert len(list(find_groups(mask))) == 4
    for min_area, expected in ((300, 140**2 + 2700 + 400), (400, 140**2 + 2700), (2700, 140**2)):
        found = mask.copy()
        keep_artifacts(found, min_area)
        assert found.sum() == expected


def test_a_region_that_reaches_into_the_box_of_another():
    """A diagonal, and a bar that lies partly in the corner of its box: cut there it is small."""
    rows, columns = np.mgrid[:310, :310]
    diagonal = (abs(rows - columns) < 10) & (rows >= 100)
    mask = diagonal.copy()
    mask[280:300, :160] = True
    assert len(list(find_groups(mask))) == 2
    for min_area, expected in ((2000, mask), (3200, diagonal)):
        found = mask.copy()
        keep_artifacts(found, min_area)
        np.testing.assert_array_equal(found, expected)


def test_a_group_is_found_whole():
    mask = np.zeros((5 * BLOCK + 3, 4 * BLOCK + 1), bool)
    mask[BLOCK - 1, BLOCK - 1] = mask[BLOCK, BLOCK] = mask[-1, -1] = True
    groups = list(find_groups(mask))
    assert [group.of(mask).sum() for group in groups] == [2, 1]
    assert groups[0].box == (slice(0, 2 * BLOCK),) * 2
    assert not list(find_groups(mask & False))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), share=st.floats(.2, .95), data=st.data())
def test_cleaning_strip_by_strip_is_cleaning_the_whole(seed, share, data):
    mask = blobs(seed, share, size=(64, 50), scale=data.draw(st.sampled_from([2, 4])))
    cuts = sorted(data.draw(st.sets(st.integers(1, 63), max_size=12)))
    whole, found = np.empty(mask.shape, bool), np.empty((64, 60), bool)[:, 5:55]
    clean_strips([mask], 100, whole)
    clean_strips(np.split(mask, cuts), 100, found)
    np.testing.assert_array_equal(found, whole)
