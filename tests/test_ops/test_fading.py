from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.ops import Fading, compare_regions, label_regions, region_fates


def mask_of(*columns):
    """A region of 3 px in width in a strip, for each column that it begins in."""
    mask = torch.zeros(8, 60, dtype=torch.bool)
    for column in columns:
        mask[2:6, column:column + 3] = True
    return mask


@pytest.mark.parametrize('before, after, fate', [
    (10, 0, 'gone'), (10, 5, 'gone'), (10, 5.001, 'faded'), (10, 10, 'faded'), (10, 30, 'faded'),
    (0, 0, 'gone'), (0, 7, 'gone')])
def test_a_removed_region_is_gone_or_faded_by_its_excess(before, after, fate):
    regions = label_regions(mask_of(4))
    assert region_fates(regions, mask_of(), [before], [after]) == [fate]
    assert region_fates(regions, mask_of(30), [before], [after]) == [fate]


@pytest.mark.parametrize('after', [0, 5, 20])
def test_a_region_with_one_pixel_detected_is_left_however_little_excess_it_has(after):
    pixel = torch.zeros(8, 60, dtype=torch.bool)
    pixel[3, 5] = True
    assert region_fates(label_regions(mask_of(4)), pixel, [10], [after]) == ['left']


def test_each_region_has_a_fate_of_its_own():
    regions = label_regions(mask_of(0, 10, 20, 30))
    fates = region_fates(regions, mask_of(11), [4, 4, 4, 4], [1, 1, 3, 2])
    assert fates == ['gone', 'left', 'faded', 'gone']
    fading = Fading.of(fates, [4, 4, 4, 4], [1, 1, 3, 2])
    assert fading == Fading(16, 7, gone=2, faded=1, left=1)
    assert fading.excess_left == 7 / 16


@given(st.integers(0, 2**32 - 1))
def test_gone_and_faded_are_the_removed_ones(seed):
    rng = np.random.default_rng(seed)
    before, after = (torch.from_numpy(rng.random((12, 40)) < share) for share in (.3, .1))
    regions, changes = label_regions(before), compare_regions(before, after)
    excess = rng.random((2, len(regions))).tolist()
    fading = Fading.of(region_fates(regions, after, *excess), *excess)
    assert fading.gone + fading.faded == changes.removed
    assert fading.gone + fading.faded + fading.left == changes.before


def test_sums_add_up_and_the_share_is_that_of_the_sums():
    total = Fading(10, 1, gone=1) + Fading(30, 29, faded=1, left=2)
    assert total == Fading(40, 30, 1, 1, 2)
    assert total.excess_left == .75
    assert np.isnan(Fading().excess_left)
