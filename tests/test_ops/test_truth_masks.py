from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.ops.truth_masks import (
    even_ground_artifacts,
    perceptual_artifacts,
    strength_artifacts,
)

levels = st.floats(0, 100, width=32)


@pytest.mark.parametrize('gan, truth, reference, is_artifact', [
    (12.4, 1.8, 1.6, True),    # stipple on even ground, the reference is near
    (15., 14., 5., False),     # bark: the reference has lost it, the GAN has not
    (20., 14., 5., False),     # too strong, but the reference is farther away
    (20., 14., 9., True),
    (4.9, 2., 2., False),      # not by three levels
    (2., 14., 13., False),     # too little texture is another fault
])
def test_strength(gan, truth, reference, is_artifact):
    found = strength_artifacts(*map(torch.tensor, (gan, truth, reference)))
    assert bool(found) == is_artifact


@given(levels, levels, levels)
def test_strength_is_the_rule_as_it_is_told(gan, truth, reference):
    values = torch.tensor([gan, truth, reference], dtype=torch.float64)
    gan, truth, reference = values
    expected = (gan - truth > 3) & (abs(gan - truth) > abs(reference - truth))
    assert bool(strength_artifacts(*values)) == bool(expected)


@pytest.mark.parametrize('gan, truth, is_artifact', [
    (12., 1., True), (12., 4., False), (3.5, 1., False), (5., 1., True)])
def test_even_ground(gan, truth, is_artifact):
    assert bool(even_ground_artifacts(torch.tensor(gan), torch.tensor(truth))) == is_artifact


def test_perceptual():
    found = perceptual_artifacts(torch.tensor([.5, .4, .1]), torch.tensor([.3, .4, .6]))
    assert found.tolist() == [True, False, False]
