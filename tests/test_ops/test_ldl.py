from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from mmdesra.ops.ldl import ldl_artifact_map, refined_artifact_map

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


# ---------------------------------------- batches, to train with


def batch(count=2, size=(16, 20), seed=0):
    """Output, GT and EMA output, random."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, count, 3, *size, generator=generator)


def refined_by_scipy(output, gt, ema):
    """The definition image by image in NumPy and SciPy, the variance about the mean."""
    maps = []
    for images in zip(output.numpy(), gt.numpy(), ema.numpy()):
        x, y, smooth = (image.astype(np.float64) for image in images)
        residual, residual_of_ema = np.abs(y - x).sum(0), np.abs(y - smooth).sum(0)
        local = ndimage.generic_filter(residual, lambda v: v.var(ddof=1), 7, mode='mirror')
        maps.append(residual.var(ddof=1)**.2 * local * (residual >= residual_of_ema))
    return np.stack(maps)[:, None]


def test_the_map_of_a_batch_is_that_of_scipy():
    output, gt, ema = batch()
    got = refined_artifact_map(output, gt, ema)
    assert got.shape == (2, 1, 16, 20) and got.dtype == torch.float32
    assert 0.3 < (got == 0).float().mean() < 0.7
    np.testing.assert_allclose(got, refined_by_scipy(output, gt, ema), rtol=1e-6)


def test_the_map_of_a_batch_is_that_of_each_image():
    """What LDL* shows for a pair is what LDL trains on, before the EMA model comes in."""
    images = torch.randint(0, 256, (2, 4, 3, 12, 15))
    got = refined_artifact_map(*(images / 255))
    for number, (output, gt) in enumerate(images.transpose(0, 1)):
        np.testing.assert_allclose(got[number, 0], ldl_artifact_map(output, gt), rtol=1e-5)


def test_closed_form_where_the_ema_model_is_better_worse_and_as_good():
    gt = torch.full((1, 3, 21, 21), .5)
    output = gt.clone()
    output[..., 10, 10] += .2  # a residual of 0.6
    value = (.6**2 / 441)**.2 * .6**2 / 49  # variances of one pixel among 441 and 49

    def at_centre(ema_error):
        ema = gt.clone()
        ema[..., 10, 10] -= ema_error
        got = refined_artifact_map(output, gt, ema)[0, 0]
        assert torch.allclose(got[7:10, 7:14], torch.tensor(value))  # residuals 0 and 0
        assert got.count_nonzero() in (48, 49)
        return got[10, 10].item()

    assert at_centre(.1) == pytest.approx(value)
    assert at_centre(.2) == pytest.approx(value)  # as good: the map stays
    assert at_centre(.3) == 0


def test_gradients_reach_the_output_through_the_map_and_nothing_else():
    output, gt, ema = batch(size=(9, 8))
    output, gt = output.double().requires_grad_(), gt.double()
    ema.requires_grad_()

    def loss(x):
        artifact_map = refined_artifact_map(x, gt, ema)
        return (artifact_map * x - artifact_map * gt).abs().mean()

    loss(output).backward()
    assert ema.grad is None
    constant = refined_artifact_map(output, gt, ema).detach()
    by_the_factor_alone = constant * (output - gt).sign() / output.numel()
    assert not torch.allclose(output.grad, by_the_factor_alone, rtol=.1)
    # Numerically, along a direction; the map is single precision.
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        slope = (loss(output + 1e-4 * direction) - loss(output - 1e-4 * direction)) / 2e-4
    assert (output.grad * direction).sum().item() == pytest.approx(slope.item(), rel=1e-2)


@pytest.mark.parametrize('shift', [0., .25])
def test_equal_images_and_a_constant_shift_give_zeros_and_finite_gradients(shift):
    gt = batch()[1]
    output = (gt + shift).requires_grad_()
    got = refined_artifact_map(output, gt, gt)
    assert got.max() < 1e-12
    got.sum().backward()
    assert output.grad.isfinite().all()


def test_half_precision_is_computed_in_full():
    output, gt, ema = batch()
    output = output.half()
    assert torch.equal(refined_artifact_map(output, gt, ema),
                       refined_artifact_map(output.float(), gt, ema))


def test_a_patch_below_the_window_is_an_error():
    with pytest.raises(ValueError, match='at least 7x7 pixels .*got 20x6'):
        refined_artifact_map(*torch.zeros(2, 1, 3, 6, 20))
