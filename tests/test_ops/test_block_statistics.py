from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdesra.ops.block_statistics import GAN_PLANES, MSE_PLANES, block_planes, pair_planes

HAAR = np.array([[1, 1], [1, -1]]) / 2  # the square of the sum of squares is kept


def image_of(seed, height=3, width=5):
    """Of so many blocks."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (4 * height, 4 * width, 3)).astype(np.uint8)


def blocks_of(image):
    height, width = (side // 4 for side in image.shape[:2])
    return image.reshape(height, 4, width, 4, -1).swapaxes(1, 2).astype(float)


def oracle(image):
    """The planes by numpy alone; details by a two-dimensional Haar transform, twice."""
    blocks = blocks_of(image)
    means, stds = blocks.mean(axis=(2, 3)), blocks.std(axis=(2, 3))
    luma = blocks @ [0.299, 0.587, 0.114]
    pairs = luma.reshape(*luma.shape[:2], 2, 2, 2, 2).swapaxes(3, 4)  # (..., Y, X, y, x)
    fine = np.einsum('iy,...yx,jx->...ij', HAAR, pairs, HAAR)
    coarse = np.einsum('iy,...yx,jx->...ij', HAAR, pairs.mean(axis=(-1, -2)), HAAR)
    planes = [np.log1p(np.sqrt((fine[..., i, j]**2).sum(axis=(-1, -2)) / 16))
              for i, j in ((0, 1), (1, 0), (1, 1))]
    planes += [np.log1p(np.abs(coarse[..., i, j])) for i, j in ((0, 1), (1, 0), (1, 1))]
    return np.concatenate([means.transpose(2, 0, 1) / 64, np.log1p(stds).transpose(2, 0, 1),
                           planes])


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_planes_are_those_of_a_haar_transform(seed):
    image = image_of(seed)
    found, expected = block_planes(image), oracle(image)
    np.testing.assert_allclose(found[:6], expected[:6], atol=1e-5)
    # Up to their scale, which the next test settles.
    for place in range(6, 12):
        strengths = np.expm1(found[place]), np.expm1(expected[place])
        np.testing.assert_allclose(strengths[0] / strengths[0].max(),
                                   strengths[1] / strengths[1].max(), atol=1e-4)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_details_of_a_grey_block_add_up_to_its_variance(seed):
    image = image_of(seed)[..., :1].repeat(3, axis=2)
    planes = np.expm1(block_planes(image).astype(float))
    fine, coarse = (planes[part]**2 for part in (slice(6, 9), slice(9, 12)))
    np.testing.assert_allclose((fine + coarse).sum(axis=0), planes[3]**2, rtol=1e-3, atol=1e-3)


def test_details_have_a_direction():
    rows = np.zeros((4, 4, 3), np.uint8)
    rows[:, ::2] = 100  # changes along each row
    wide = np.zeros((4, 4, 3), np.uint8)
    wide[:2] = 100
    for image, place in ((rows, 6), (rows.swapaxes(0, 1), 7), (wide, 10),
                         (wide.swapaxes(0, 1), 9)):
        planes = np.expm1(block_planes(image)[6:, 0, 0])
        assert planes[place - 6] == pytest.approx(50, rel=1e-4)
        assert np.delete(planes, place - 6).max() < 1e-3


def test_a_flat_image_has_means_alone():
    planes = block_planes(np.full((8, 8, 3), 128, np.uint8))
    np.testing.assert_array_equal(planes[:3], np.full((3, 2, 2), 2))
    np.testing.assert_array_equal(planes[3:], np.zeros((9, 2, 2)))


def test_a_pair_shows_both_and_the_texture_of_the_reduced_image():
    gan, mse = image_of(0, 16, 9), image_of(1, 16, 9)
    planes = pair_planes(gan, mse)
    assert planes.shape == (GAN_PLANES + MSE_PLANES, 16, 9) and planes.dtype == torch.float32
    assert torch.equal(planes[:GAN_PLANES], pair_planes(gan, None))
    np.testing.assert_array_equal(planes[:12], block_planes(gan))
    np.testing.assert_array_equal(planes[GAN_PLANES:], block_planes(mse)[3:])
    grey = blocks_of(gan).mean(axis=(2, 3, 4))
    assert np.expm1(planes[12, 5, 4].item()) == pytest.approx(grey[4:7, 3:6].std(), rel=1e-3)
    assert np.expm1(planes[13, 5, 4].item()) == pytest.approx(grey[2:9, 1:8].std(), rel=1e-3)


def test_threads_and_views_change_nothing():
    image = image_of(2, 40, 9)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        planes = block_planes(image)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(block_planes(image), planes)
    np.testing.assert_array_equal(block_planes(image[::-1].copy()[::-1]), planes)


@pytest.mark.parametrize('size', [(4, 6), (7, 8), (0, 4)])
def test_sides_that_four_does_not_divide_are_refused(size):
    with pytest.raises(ValueError, match='expected sides that 4 divides'):
        block_planes(np.zeros((*size, 3), np.uint8))
