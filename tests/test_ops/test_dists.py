from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from mmdesra.ops.dists import enlarge, local_similarity

C = 1e-6


def by_scipy(x, y, window, alpha, beta):
    def mean(plane):
        return uniform_filter(plane, window, mode='mirror')

    total = 0
    for first, second, texture, structure in zip(x, y, alpha, beta):
        mean_x, mean_y = mean(first), mean(second)
        variances = mean(first**2) - mean_x**2 + mean(second**2) - mean_y**2
        total = total + texture * (2 * mean_x * mean_y + C) / (mean_x**2 + mean_y**2 + C)
        covariance = mean(first * second) - mean_x * mean_y
        total = total + structure * (2 * covariance + C) / (variances + C)
    return total


def random_features(*shape):
    rng = np.random.default_rng(0)
    first = rng.random(shape)
    return first, (first + rng.random(shape)) / 2


@pytest.mark.parametrize('window', [1, 3, 9])
@pytest.mark.parametrize('size', [(12, 17), (9, 9)])
def test_the_map_is_that_of_scipy(size, window):
    x, y = random_features(4, *size)
    alpha, beta = np.random.default_rng(1).random((2, 4))
    got = local_similarity(*map(torch.from_numpy, (x, y)), window,
                           *map(torch.from_numpy, (alpha, beta)))
    assert got.dtype == torch.float64
    np.testing.assert_allclose(got, by_scipy(x, y, window, alpha, beta), rtol=0, atol=1e-8)


def test_the_order_does_not_matter():
    x, y = map(torch.from_numpy, random_features(2, 10, 20))
    weights = torch.rand(2, 2)
    assert torch.equal(local_similarity(x, y, 5, *weights), local_similarity(y, x, 5, *weights))


def test_a_window_larger_than_the_map_is_narrowed_to_it():
    x, y = map(torch.from_numpy, random_features(2, 3, 20))
    ones = torch.ones(2)
    got = local_similarity(x, y, 33, ones, ones)
    assert got.shape == (3, 20) and got.isfinite().all()


def test_equal_features_have_the_sum_of_the_weights():
    x = 100 * torch.rand(3, 20, 20)
    x[1] = 7
    x[2] = 0
    alpha, beta = torch.tensor([.1, .2, .3]), torch.tensor([.4, .5, .6])
    np.testing.assert_allclose(local_similarity(x, x, 5, alpha, beta), 2.1, rtol=1e-6)


def test_texture_tells_means_and_structure_tells_signs():
    board = ((torch.arange(24).view(-1, 1) + torch.arange(24)) % 2).double()[None]
    one, none = torch.ones(1), torch.zeros(1)
    inside = (slice(4, -4),) * 2
    np.testing.assert_allclose(
        local_similarity(board, 3 * board, 3, one, none)[inside], .6, atol=1e-5)  # 2·3 / (1 + 9)
    np.testing.assert_allclose(
        local_similarity(board, 1 - board, 3, none, one)[inside], -1, atol=1e-5)
    np.testing.assert_allclose(
        local_similarity(board, 3 * board + 5, 3, none, one)[inside], .6, atol=1e-5)


@pytest.mark.parametrize('size', [(33, 48), (17, 16), (20, 31), (1, 5)])
@pytest.mark.parametrize('stride', [1, 2, 8, 16])
def test_a_coarse_map_is_put_back_where_it_was_taken(stride, size):
    ramp = torch.arange(size[0]).double().view(-1, 1) + 10 * torch.arange(size[1])
    got = enlarge(ramp[::stride, ::stride], stride, size)
    assert got.shape == size
    until = [(side - 1) // stride * stride + 1 for side in size]
    torch.testing.assert_close(got[:until[0], :until[1]], ramp[:until[0], :until[1]])
    torch.testing.assert_close(got[until[0]:], got[until[0] - 1:until[0]].expand(
        size[0] - until[0], -1))
