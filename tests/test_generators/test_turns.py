"""A network asked about the image turned and mirrored: each pass is turned back, and averaged."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Enlarging
from torch import nn

from mmdesra.generators import Upscaler
from mmdesra.generators.turns import each_turn, mean_of_turns, turn, turn_back


def photograph(height, width, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(
        0, np.iinfo(dtype).max, (height, width, 3), dtype=dtype, endpoint=True)


def blurring(seed=0):
    """A linear network whose kernel has no symmetry."""
    network = nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False)
    network.weight.data = torch.rand(
        3, 1, 3, 3, generator=torch.Generator().manual_seed(seed)) / 9
    return network


@pytest.mark.parametrize('number', range(8))
def test_turns_are_undone_and_all_different(number):
    image = photograph(3, 5)
    np.testing.assert_array_equal(turn_back(turn(image, number), number), image)
    others = [turn(image, other) for other in range(8) if other != number]
    assert not any(np.array_equal(turn(image, number), other) for other in others)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('count', [2, 4, 8])
def test_of_a_linear_network_it_is_the_output_of_the_turned_kernels_mean(count, dtype):
    """An oracle of its own: the mean of the kernels instead of that of the images."""
    network, lq = blurring(), photograph(9, 12, dtype)
    mean = mean_of_turns(Upscaler(network), lq, count)
    kernel = network.weight.data
    turned = [torch.rot90(kernel.flip(3) if number >= 4 else kernel, -number, (2, 3))
              for number in range(count)]
    network.weight.data = torch.stack(turned).mean(dim=0)
    expected = Upscaler(network)(lq)
    assert mean.dtype == lq.dtype and mean.shape == expected.shape
    assert np.abs(mean.astype(int) - expected).max() <= 1


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8), st.integers(1, 9), st.integers(1, 9), st.integers(0, 9))
def test_the_mean_is_that_of_the_passes_rounded(count, height, width, seed):
    upscaler, lq = Upscaler(blurring(seed)), photograph(height, width, seed=seed)
    passes = np.stack([*each_turn(upscaler, lq, count)]).astype(float)
    mean = mean_of_turns(upscaler, lq, count)
    np.testing.assert_array_equal(mean, passes.mean(axis=0).round())


@pytest.mark.parametrize('count', [1, 4, 8])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_of_a_network_that_turns_with_its_input_it_is_the_output(count, dtype):
    upscaler, lq = Upscaler(Enlarging(2)), photograph(7, 5, dtype)
    np.testing.assert_array_equal(mean_of_turns(upscaler, lq, count), upscaler(lq))
