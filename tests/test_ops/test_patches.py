from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from mmdesra.ops.patches import interpolate_patches, patch_begins


@pytest.mark.parametrize('side, expected', [
    (96, [0]), (97, [0]), (98, [0, 2]), (120, [0, 24]), (121, [0, 24]), (130, [0, 24, 34])])
def test_patches_begin_at_every_stride_and_end_at_the_end(side, expected):
    assert patch_begins(side, 96, 24) == expected


@given(side=st.integers(10, 300), patch=st.integers(2, 10), stride=st.integers(1, 20))
def test_patches_are_even_ascending_and_inside(side, patch, stride):
    begins = patch_begins(side, patch, 2 * stride)
    assert begins == sorted(set(begins)) and begins[0] == 0
    assert all(begin % 2 == 0 for begin in begins)
    assert side - patch - 1 <= begins[-1] <= side - patch


@pytest.mark.parametrize('size', [(96, 96), (96, 200), (131, 150)])
def test_scores_are_interpolated_between_the_centres(size):
    tops, lefts = (patch_begins(side, 96, 24) for side in size)
    scores = torch.rand(len(tops), len(lefts))
    got = interpolate_patches(scores, tops, lefts, 96, size)
    assert got.shape == size and got.dtype == torch.float32

    # scipy wants two points at least: one more, beyond the last, of the same score.
    axes = [np.array([*begins, begins[-1] + 999]) + 47.5 for begins in (tops, lefts)]
    oracle = RegularGridInterpolator(axes, np.pad(scores, (0, 1), mode='edge'))
    inside = [np.arange(side).clip(47.5, axis[-2]) for side, axis in zip(size, axes)]
    expected = oracle(np.stack(np.meshgrid(*inside, indexing='ij'), axis=-1))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)
