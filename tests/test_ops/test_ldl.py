from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmdesra.ops.ldl import ldl_artifact_map

images = arrays(np.uint8, (3, 9, 12), elements=st.integers(0, 255))


def by_definition(gan, reference):
    """LDL's formula window by window, by unfolding."""
    residual = ((reference.double() - gan.double()) / 255).abs().sum(0)[None, None]
    windows = F.pad(residual, (3, 3, 3, 3), mode='reflect').unfold(2, 7, 1).unfold(3, 7, 1)
    return (residual.var()**(1 / 5) * windows.var(dim=(-1, -2)))[0, 0]


@pytest.mark.parametrize('size', [(7, 7), (8, 30), (33, 41)])
@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32])
def test_the_map_is_that_of_the_definition(size, dtype):
    torch.manual_seed(0)
    gan, reference = ((256 * torch.rand(3, *size)).clamp(max=255).to(dtype) for _ in range(2))
    got = ldl_artifact_map(gan, reference)
    assert got.shape == size and got.dtype == torch.float64
    np.testing.assert_allclose(got, by_definition(gan, reference), rtol=1e-9)


@pytest.mark.parametrize('strip_pixels', [1, 40 * 9, 40 * 29])
def test_strips_leave_no_trace(strip_pixels, monkeypatch):
    gan, reference = torch.randint(0, 256, (2, 3, 30, 40), dtype=torch.uint8)
    whole = ldl_artifact_map(gan, reference)
    monkeypatch.setattr('mmdesra.ops.ldl.STRIP_PIXELS', strip_pixels)
    assert torch.equal(ldl_artifact_map(gan, reference), whole)


def test_a_single_differing_pixel():
    reference = torch.full((3, 21, 21), 100, dtype=torch.uint8)
    gan = reference.clone()
    gan[:, 10, 10] += 51  # a residual of 3 · 0.2
    overall = .6**2 / 441 - (.6 / 441)**2
    local = .6**2 / 49 - (.6 / 49)**2
    expected = (overall * 441 / 440)**.2 * local * 49 / 48
    value = ldl_artifact_map(gan, reference)
    np.testing.assert_allclose(value[7:14, 7:14], expected, rtol=1e-9)
    value[7:14, 7:14] = 0
    assert not value.any()


@settings(max_examples=30, deadline=None)
@given(images, images)
def test_symmetric_and_bounded(first, second):
    first, second = map(torch.from_numpy, (first, second))
    value = ldl_artifact_map(first, second)
    assert torch.equal(value, ldl_artifact_map(second, first))
    assert value.min() >= 0 and value.max() < 2.8


@pytest.mark.parametrize('shift', [0, 1, 100])
def test_equal_images_and_a_constant_shift_are_no_artifact(shift):
    image = torch.randint(0, 150, (3, 20, 30), dtype=torch.uint8)
    assert not ldl_artifact_map(image + shift, image).any()


def test_an_image_below_the_window_is_an_error():
    with pytest.raises(ValueError, match='at least 7x7 pixels .*got 20x6'):
        ldl_artifact_map(torch.zeros(3, 6, 20), torch.zeros(3, 6, 20))
