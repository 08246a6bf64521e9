from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdesra.ops import class_weights, weight_map


def test_weights_in_closed_form():
    weights = class_weights(torch.tensor([0, 4, 5, 10, 15, 19, -20]))
    assert weights.tolist() == [1, 1.25, 20 / 15, 2, 4, 20, 0.5]
    assert weights.dtype == torch.float64


@pytest.mark.parametrize('bins', [
    [0, 20], [21], [float('nan')], [float('-inf')], [float('inf')]])
def test_a_bin_without_a_positive_finite_weight_is_an_error(bins):
    with pytest.raises(ValueError, match='finite class bins below 20, got'):
        class_weights(torch.tensor(bins))


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int32, torch.int64])
def test_each_pixel_gets_the_weight_of_its_class(dtype):
    weights = class_weights(torch.tensor([0, 10]))
    found = weight_map(torch.tensor([[0, 1, 255], [1, 1, 0]], dtype=dtype), weights)
    assert found.tolist() == [[1, 2, 1], [2, 2, 1]]
    assert found.dtype == torch.float64


def test_255_is_ignored_even_where_the_table_has_such_a_class():
    weights = torch.full((300,), 2.)
    assert weight_map(torch.tensor([[254, 255, 256]]), weights).tolist() == [[2, 1, 2]]


@pytest.mark.parametrize('label', [2, 254, 256, -1])
def test_an_unknown_label_is_an_error(label):
    with pytest.raises(ValueError, match=rf'\[0, 1\] or 255 .*got {label}'):
        weight_map(torch.tensor([[0, label]]), class_weights(torch.tensor([0, 10])))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e6, 19.999), min_size=1, max_size=300), st.integers(0, 99),
       st.sampled_from([torch.uint8, torch.int16, torch.int32, torch.int64]))
def test_weights_are_positive_rise_with_the_bin_and_are_looked_up(bins, seed, dtype):
    weights = class_weights(torch.tensor(bins, dtype=torch.float64))
    assert (weights > 0).all() and weights.isfinite().all()
    assert (np.diff(weights.numpy()[np.argsort(bins)]) >= 0).all()
    values = [*range(min(len(bins), 255)), 255]
    labels = np.random.default_rng(seed).choice(values, (7, 9))
    expected = np.where(labels == 255, 1, weights.numpy()[np.minimum(labels, len(bins) - 1)])
    found = weight_map(torch.from_numpy(labels).to(dtype).T, weights)  # of a view
    np.testing.assert_array_equal(found, expected.T)
