from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter

from mmdesra.ops import (
    MARGIN,
    WINDOW_SIZE,
    gaussian_window,
    local_mean,
    local_std,
    relative_difference,
    texture_difference,
)
from mmdesra.ops.statistics import _filter_on_cpu, filter_by_conv

C = 7.65**2
INSIDE = slice(5, -5)


def random_image(*shape, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return (255 * rng.random(shape)).astype(dtype)  # with digits that a float32 would drop
    return rng.integers(0, 256, shape).astype(dtype)


def scipy_mean(plane, mode):
    """The 11-tap Gaussian of scipy: what it does at the border is cut off."""
    return gaussian_filter(plane.astype(np.float64), 1.5, radius=5, mode=mode)[INSIDE, INSIDE]


@pytest.mark.parametrize('mode', ['reflect', 'constant'])
@pytest.mark.parametrize('size', [(11, 11), (11, 40), (37, 12), (64, 51)])
@pytest.mark.parametrize('dtype', [np.uint8, np.int32, np.float32, np.float64])
def test_mean_and_std_are_those_of_scipy(size, dtype, mode):
    plane = random_image(*size, dtype=dtype)
    mean = scipy_mean(plane, mode)
    variance = scipy_mean(plane.astype(np.float64)**2, mode) - mean**2

    got_mean, got_std = (f(torch.from_numpy(plane)) for f in (local_mean, local_std))

    assert got_mean.dtype == got_std.dtype == torch.float64
    np.testing.assert_allclose(got_mean, mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(got_std, np.sqrt(variance.clip(0) + 1e-8), rtol=0, atol=1e-9)


def test_window_is_a_normalised_gaussian():
    window = gaussian_window()
    assert len(window) == WINDOW_SIZE == 2 * MARGIN + 1
    assert window.sum().item() == pytest.approx(1, abs=1e-15)
    np.testing.assert_allclose(window / window[MARGIN],
                               np.exp(-np.arange(-5, 6)**2 / (2 * 1.5**2)), rtol=1e-15)


@pytest.mark.parametrize('size', [(11, 11), (30, 17)])
def test_the_accelerator_path_is_the_cpu_path(size):
    planes = torch.from_numpy(random_image(4, *size, dtype=np.float64))
    np.testing.assert_allclose(filter_by_conv(planes), _filter_on_cpu(planes), atol=1e-10)


@pytest.mark.parametrize('shape', [(20, 30), (3, 20, 30), (2, 3, 20, 30)])
def test_leading_dimensions_are_kept(shape):
    image = torch.from_numpy(random_image(*shape))
    result = local_std(image)
    assert result.shape == (*shape[:-2], 10, 20)
    for index in np.ndindex(*shape[:-2]):
        assert torch.equal(result[index], local_std(image[index]))


def view_of(image, how):
    return {'transposed': image.transpose(-1, -2), 'channels last': image.permute(2, 0, 1),
            'strided': image[::2, 1::2], 'expanded': image[..., :1].expand(-1, -1, 16)}[how]


@pytest.mark.parametrize('how', ['transposed', 'channels last', 'strided', 'expanded'])
@pytest.mark.parametrize('dtype', [np.uint8, np.float64])  # float64 is not copied by a cast
def test_tensors_need_not_be_contiguous(how, dtype):
    image = view_of(torch.from_numpy(random_image(32, 40, 36, dtype=dtype)), how)
    assert not image.is_contiguous()
    before = image.clone()
    assert torch.equal(local_std(image), local_std(image.contiguous()))
    assert torch.equal(image, before)  # and they are not written to


@pytest.mark.parametrize('value', [0, 1, 128, 254, 255])
@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32])
def test_a_flat_image_has_the_std_of_the_floor(value, dtype):
    std = local_std(torch.full((3, 15, 15), value, dtype=dtype))
    # sqrt(1e-8), as far as 255² leaves digits: single precision would be off by 100 times more.
    np.testing.assert_allclose(std, 1e-4, atol=1e-6)


def test_a_ramp_has_the_mean_of_its_middle_and_the_std_of_the_window():
    ramp = 3 * torch.arange(30.).expand(12, 30)
    offsets = np.arange(-5, 6)
    taps = np.exp(-offsets**2 / 4.5)
    spread = 3 * np.sqrt((taps * offsets**2).sum() / taps.sum())
    np.testing.assert_allclose(local_mean(ramp), ramp[:2, 5:-5], rtol=1e-12)
    np.testing.assert_allclose(local_std(ramp), spread, rtol=1e-6)


def test_a_black_and_white_image_reaches_the_largest_std():
    half = (torch.arange(11).view(-1, 1) + torch.arange(11)) % 2  # a chessboard
    std = local_std(half * 255.).item()
    assert std == pytest.approx(127.5, rel=1e-3)
    assert std <= 127.5 + 1e-9


def test_flat_patches_are_no_artifact_in_the_released_form_only():
    flat = [local_std(torch.full((3, 15, 15), value, dtype=torch.uint8)) for value in (0, 255)]
    np.testing.assert_allclose(relative_difference(*flat), 1, atol=1e-8)
    np.testing.assert_allclose(relative_difference(*flat, form='printed'), 0, atol=1e-8)


def test_identical_images_differ_nowhere():
    std = local_std(torch.from_numpy(random_image(3, 20, 20)))
    assert torch.equal(relative_difference(std, std), torch.ones_like(std))
    assert torch.equal(texture_difference(std, std), torch.zeros_like(std))


@pytest.mark.parametrize('gan, mse, released, printed', [
    (0, 0, 1, 0),
    (7.65, 7.65, 1, 2 / 3),  # both variances are C
    (15.3, 7.65, 5 / 6, 4 / 6),  # 2·2·1 (+ 1) over 4 + 1 + 1
    (76.5, 0, 1 / 101, 0),
    (3, 4, (24 + C) / (25 + C), 24 / (25 + C)),
])
def test_differences_in_closed_form(gan, mse, released, printed):
    stds = torch.tensor([gan], dtype=torch.float64), torch.tensor([mse], dtype=torch.float64)
    assert relative_difference(*stds).item() == pytest.approx(released, rel=1e-12)
    assert relative_difference(*stds, form='printed').item() == pytest.approx(printed, rel=1e-12)
    assert texture_difference(*stds).item() == pytest.approx((gan - mse)**2, rel=1e-12)
    assert (stds[0].item(), stds[1].item()) == (gan, mse)  # inputs are left alone


def d_of(gan, mse, form='released'):
    return relative_difference(local_std(gan), local_std(mse), form).mean(dim=0)


images = st.tuples(st.integers(11, 16), st.integers(11, 16)).flatmap(
    lambda size: st.tuples(*[arrays(np.uint8, (3, *size))] * 2)).map(
        lambda pair: tuple(torch.from_numpy(image) for image in pair))


@settings(max_examples=40, deadline=None)
@given(images, st.sampled_from(['released', 'printed']))
def test_d_is_a_symmetric_similarity(pair, form):
    d = d_of(*pair, form)
    assert (d >= 0).all() and (d <= 1).all()
    assert torch.equal(d, d_of(*reversed(pair), form))


@settings(max_examples=40, deadline=None)
@given(images, st.sampled_from([
    lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.transpose(-1, -2),
    lambda x: x.flip(-2).transpose(-1, -2)]))
def test_d_turns_with_the_images(pair, turn):
    turned = d_of(*(turn(image) for image in pair))
    np.testing.assert_allclose(turned, turn(d_of(*pair)), atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(images, st.permutations(range(3)))
def test_d_does_not_depend_on_the_channel_order(pair, order):
    np.testing.assert_allclose(d_of(*(image[order] for image in pair)), d_of(*pair), rtol=1e-12)


def test_d_never_exceeds_1_by_rounding():
    std = torch.from_numpy(np.random.default_rng(0).uniform(0, 127, 200_000))
    assert relative_difference(std, std * (1 + 1e-9)).max() <= 1


@pytest.mark.parametrize('size', [(10, 30), (30, 10), (1, 1)])
def test_an_image_smaller_than_the_window_is_an_error(size):
    with pytest.raises(ValueError, match=f'at least 11x11 pixels.* got {size[1]}x{size[0]}'):
        local_std(torch.zeros(3, *size))


def test_an_unknown_form_is_an_error():
    with pytest.raises(ValueError, match="released.*printed.*got 'paper'"):
        relative_difference(torch.ones(1), torch.ones(1), form='paper')
