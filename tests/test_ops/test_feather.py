from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mmdesra.ops.feather import blend_by, feathered


def spots():
    mask = np.zeros((40, 50), bool)
    mask[10:16, 12:30] = mask[0, 0] = mask[39, 20:24] = True
    return mask


@pytest.mark.parametrize('sigma', [.5, 1, 2, 3.3])
def test_all_inside_is_whole_and_what_is_far_is_untouched(sigma):
    mask, reach = spots(), int(2 * sigma + .5)
    weight = feathered(mask, sigma)
    assert weight.dtype == np.float32 and weight.min() >= 0
    np.testing.assert_allclose(weight[mask], 1, atol=1e-6)
    far = ~ndimage.maximum_filter(mask, 4 * reach + 1)
    assert (weight[far] == 0).all()
    border = ndimage.maximum_filter(mask, 2 * reach + 3) & ~mask
    assert ((weight[border] > 0) & (weight[border] < 1)).any()


def test_it_falls_with_the_distance():
    mask = np.zeros((1, 41), bool)
    mask[0, 20] = True
    profile = feathered(mask, 2)[0]
    assert (np.diff(profile[20:]) <= 1e-6).all()
    np.testing.assert_allclose(profile, profile[::-1], atol=1e-6)


def test_without_softness_or_artifacts_it_is_the_mask():
    np.testing.assert_array_equal(feathered(spots(), 0), spots())
    assert not feathered(np.zeros((5, 5), bool), 2).any()


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_pictures_are_mixed_by_the_weight(dtype):
    top = np.iinfo(dtype).max
    inside, outside = np.full((1, 3, 3), top, dtype), np.zeros((1, 3, 3), dtype)
    mixed = blend_by(np.array([[0, .25, 1]], np.float32), inside, outside)
    assert mixed.dtype == dtype
    np.testing.assert_array_equal(mixed[0, :, 0], [0, round(top / 4), top])
    assert not outside.any()
