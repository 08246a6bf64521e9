from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.ops import label_regions
from mmdesra.ops.fading import FATES
from mmdesra.visualization.fates import count_fates, draw_fates, fate_legend, masks_of_fates


@given(st.integers(0, 2**32 - 1))
def test_masks_of_fates_are_the_regions_of_each(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((20, 30)) < .2
    regions = label_regions(torch.from_numpy(mask))
    fates = rng.choice(FATES, len(regions)).tolist()
    masks = masks_of_fates(mask, fates)
    assert list(masks) == [fate for fate in FATES if fate in fates]
    assert (sum(map(np.int64, masks.values()), np.zeros_like(mask, np.int64)) == mask).all()
    for number, fate in enumerate(fates, 1):
        assert masks[fate][regions.labels.numpy() == number].all()


def test_no_region_leaves_the_picture_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    drawn = draw_fates(image, masks_of_fates(np.zeros((20, 30), bool), []))
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image
    assert fate_legend([]) == count_fates([]) == ''


def test_another_number_of_regions_is_an_error():
    with pytest.raises(ValueError, match='each of 1 regions, got 0 fates'):
        masks_of_fates(np.ones((20, 30), bool), [])


def test_counts_are_in_one_order():
    assert count_fates(['left', 'gone', 'left']) == '1 gone, 2 left'
