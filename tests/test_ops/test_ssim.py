from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import structural_similarity as skimage_ssim

from mmdesra.ops.ssim import structural_similarity

C1, C2 = 2.55**2, 7.65**2
images = arrays(np.uint8, (3, 13, 15), elements=st.integers(0, 255))


def random_pair(*shape):
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, shape)
    return first.astype(np.uint8), (first / 2 + rng.integers(0, 128, shape)).astype(np.uint8)


@pytest.mark.parametrize('size', [(11, 11), (37, 12), (64, 51)])
def test_the_map_is_that_of_scikit_image(size):
    first, second = random_pair(3, *size)
    expected = skimage_ssim(first, second, channel_axis=0, data_range=255, full=True,
                            gaussian_weights=True, sigma=1.5, use_sample_covariance=False)[1]
    got = structural_similarity(torch.from_numpy(first), torch.from_numpy(second))
    assert got.dtype == torch.float64
    np.testing.assert_allclose(got, expected[:, 5:-5, 5:-5], rtol=0, atol=1e-9)


@pytest.mark.parametrize('first, second', [(0, 0), (0, 255), (100, 120), (255, 255)])
def test_flat_images_differ_in_luminance_alone(first, second):
    flat = [torch.full((1, 12, 12), value, dtype=torch.uint8) for value in (first, second)]
    expected = (2 * first * second + C1) / (first**2 + second**2 + C1)
    np.testing.assert_allclose(structural_similarity(*flat), expected, rtol=1e-9)


def test_a_negative_has_the_opposite_structure():
    board = 255. * ((torch.arange(40).view(-1, 1) + torch.arange(40)) % 2)
    value = structural_similarity(board[None], 255 - board[None])
    variance = 127.5**2
    np.testing.assert_allclose(value, (C2 - 2 * variance) / (C2 + 2 * variance), rtol=1e-3)
    assert value.max() < -.99


@settings(max_examples=30, deadline=None)
@given(images, images)
def test_symmetric_bounded_and_one_for_equal_images(first, second):
    first, second = map(torch.from_numpy, (first, second))
    value = structural_similarity(first, second)
    assert torch.equal(value, structural_similarity(second, first))
    assert value.min() >= -1 and value.max() <= 1
    np.testing.assert_allclose(structural_similarity(first, first), 1, rtol=0, atol=1e-9)


def test_an_image_below_the_window_is_an_error():
    with pytest.raises(ValueError, match='at least 11x11 pixels .*got 20x10'):
        structural_similarity(torch.zeros(3, 10, 20), torch.zeros(3, 10, 20))
