from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from mmdesra.ops.ranking import RankedPixels, average_precision


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_average_precision_is_scikit_learns(seed, low_is_artifact):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 9, (8, 11)).astype(np.float32)  # many ties
    mask = rng.random((8, 11)) < .3
    mask[0, 0] = True
    edges = np.unique(scores)
    expected = average_precision_score(mask.ravel(),
                                       (-scores if low_is_artifact else scores).ravel())
    found = RankedPixels.count(scores, mask, edges, low_is_artifact)
    assert found.average_precision == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1))
def test_counts_of_images_add_up_to_those_of_all_pixels(seed):
    rng = np.random.default_rng(seed)
    scores, mask = rng.random((2, 6, 5)), rng.random((2, 6, 5)) < .4
    edges = np.sort(rng.random(7))
    total = RankedPixels.count(*(part.reshape(12, 5) for part in (scores, mask)), edges)
    parts = [RankedPixels.count(*pair, edges) for pair in zip(scores, mask)]
    added = parts[0] + parts[1]
    np.testing.assert_array_equal(added.artifacts, total.artifacts)
    np.testing.assert_array_equal(added.others, total.others)
    assert added.artifacts.sum() == mask.sum() and added.others.sum() == (~mask).sum()


def test_closed_forms():
    mask = np.array([[True, True, False, False]])
    right, wrong = np.array([[4., 3., 2., 1.]]), np.array([[1., 2., 3., 4.]])
    edges = np.array([1.5, 2.5, 3.5])
    assert RankedPixels.count(right, mask, edges).average_precision == 1
    assert RankedPixels.count(wrong, mask, edges).average_precision == pytest.approx(
        (1 / 3 + 2 / 4) / 2)
    assert RankedPixels.count(wrong, mask, edges, True).average_precision == 1
    # Who knows nothing calls the share of the artifacts right.
    assert RankedPixels.count(right, mask, np.array([])).average_precision == .5
    assert math.isnan(RankedPixels.count(right, ~mask & False, edges).average_precision)


def test_many_at_once_are_those_one_by_one():
    rng = np.random.default_rng(0)
    artifacts, others = rng.integers(0, 5, (2, 6, 10))
    np.testing.assert_allclose(average_precision(artifacts, others),
                               [average_precision(*one) for one in zip(artifacts, others)])
