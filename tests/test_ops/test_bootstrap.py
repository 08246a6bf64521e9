from __future__ import annotations

import math

import numpy as np
import pytest

from mmdesra.ops.bootstrap import interval, resample_sums


def mean(sums):
    return sums[0] / sums[1]


def test_the_interval_of_a_mean_is_that_of_the_central_limit_theorem():
    values = np.random.default_rng(0).normal(5, 2, 400)
    low, high = interval(np.stack([values, np.ones(400)], 1), mean)
    half = 1.96 * values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=.03)


def test_equal_images_leave_no_doubt_and_one_image_says_nothing():
    assert interval(np.tile([3., 2.], (7, 1)), mean) == (1.5, 1.5)
    assert all(map(math.isnan, interval(np.array([[3., 2.]]), mean)))
    assert all(map(math.isnan, interval(np.zeros((5, 2)), lambda sums: math.nan)))


def test_every_draw_takes_as_many_images_as_there_are():
    sums = resample_sums(np.ones((9, 1)), 50)
    np.testing.assert_array_equal(sums, np.full((50, 1), 9))


def test_two_statistics_of_one_set_are_drawn_together_and_by_the_seed():
    statistics = np.random.default_rng(1).random((8, 1))
    np.testing.assert_array_equal(resample_sums(statistics), resample_sums(2 * statistics) / 2)
    assert not np.array_equal(resample_sums(statistics), resample_sums(statistics, seed=1))


def test_draws_without_a_figure_are_left_out():
    # Precision where most images detect nothing: only draws with a detection have one.
    statistics = np.array([[1., 1.], *[[0., 0.]] * 3])
    assert interval(statistics, lambda sums: mean(sums) if sums[1] else math.nan) == (1, 1)
