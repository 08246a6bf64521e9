from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mmdesra.ops import bands
from mmdesra.ops.consensus import (
    PassSums,
    agreed_image,
    consensus_image,
    enlarged_bicubic,
    sharpened,
)

SCALE = 4


def images(count, height=40, width=36, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def smooth_image(height=48, width=44, seed=0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(height, width, 3)),
                                    (4, 4, 0))
    return (128 + 40 * noise / noise.std()).clip(40, 215).astype(np.uint8)


def sums_of(passes):
    sums = PassSums()
    for one in passes:
        sums.add(one)
    return sums


def oracle(passes, enlarged, scale):
    """The formula of the docstring, on whole arrays in double precision, with SciPy."""
    def blur(image, sigma, radius):
        return ndimage.gaussian_filter(image, (sigma, sigma, 0), radius=(radius, radius, 0),
                                       mode='reflect')

    def energy(square):
        return blur(square.mean(axis=-1, keepdims=True), 1.5, 5)

    enlarged, passes = enlarged.astype(float), passes.astype(float)
    mean, noise = passes.mean(axis=0), energy(passes.var(axis=0, ddof=1))
    base = enlarged + .7 * (enlarged - blur(enlarged, scale / 2, 2 * scale))
    common = np.maximum(energy((mean - base)**2) - noise / len(passes), 0)
    weight = common / (common + 3 * noise)
    return (base + weight * (mean - base)).clip(0, 255), weight[..., 0]


@pytest.mark.parametrize('count, scale', [(2, 4), (5, 4), (8, 2)])
def test_formula(count, scale):
    passes, enlarged = images(count) // 4 + images(1, seed=1) // 2, smooth_image(40, 36)
    expected, expected_weight = oracle(passes, enlarged, scale)
    result, weight = agreed_image(sums_of(passes), enlarged, scale)
    assert result.dtype == np.uint8 and weight.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=.502)
    np.testing.assert_allclose(weight, expected_weight, atol=1e-5)


def test_where_all_passes_are_equal_they_are_the_result():
    one = images(1)[0]
    np.testing.assert_array_equal(agreed_image(sums_of([one] * 4), smooth_image(40, 36), SCALE)[0],
                                  one)


def test_where_the_passes_do_not_agree_the_lr_image_decides():
    """Passes of noise around an image that is too dark: its reduction becomes the LR image."""
    lq = smooth_image()
    dark = enlarged_bicubic(lq, SCALE).astype(float) - 12
    passes = dark + np.random.default_rng(0).normal(0, 25, (8, *dark.shape))
    passes = passes.round().clip(0, 255).astype(np.uint8)
    result = consensus_image(sums_of(passes), lq, SCALE)
    means = [ndimage.uniform_filter(image.astype(float), (4, 4, 0))[2::4, 2::4]
             for image in (passes.mean(axis=0), result)]
    errors = [np.abs(mean - lq).mean() for mean in means]
    assert errors[1] < errors[0] / 4


def test_where_all_passes_are_equal_the_lr_image_decides_nothing():
    one = images(1)[0]
    np.testing.assert_array_equal(
        consensus_image(sums_of([one] * 4), smooth_image(10, 9), SCALE), one)


def test_texture_that_each_pass_draws_elsewhere_vanishes():
    """Passes that add independent noise to the sharpened image tell nothing of their own."""
    enlarged = smooth_image()
    base = sharpened(enlarged, SCALE)
    noise = np.random.default_rng(0).normal(0, 15, (8, *base.shape))
    passes = (base + noise).round().clip(0, 255).astype(np.uint8)
    result = agreed_image(sums_of(passes), enlarged, SCALE)[0]
    mean_error = np.abs(passes.mean(axis=0) - base).mean()
    assert mean_error > 4
    assert np.abs(result.astype(float) - base).mean() < mean_error / 10


def test_what_all_passes_add_alike_stays():
    enlarged = smooth_image()
    base = sharpened(enlarged, SCALE)
    pattern = 20 * (-1)**np.indices(base.shape).sum(axis=0)
    passes = (base + pattern + np.random.default_rng(0).normal(0, 2, (8, *base.shape)))
    passes = passes.round().clip(0, 255).astype(np.uint8)
    result, _ = agreed_image(sums_of(passes), enlarged, SCALE)
    assert np.abs(result.astype(float) - passes.mean(axis=0)).mean() < 1


@pytest.mark.parametrize('band_pixels', [1, 1000, 10**6])
def test_bands_leave_no_trace(band_pixels, monkeypatch):
    passes, enlarged = images(3, 90, 41), smooth_image(90, 41)
    expected = agreed_image(sums_of(passes), enlarged, SCALE)
    monkeypatch.setattr(bands, 'BAND_PIXELS', band_pixels)
    found = agreed_image(sums_of(passes), enlarged, SCALE)
    assert all(np.array_equal(*both) for both in zip(found, expected))


@settings(max_examples=25, deadline=None)
@given(count=st.integers(2, 8), height=st.integers(1, 20), width=st.integers(1, 20),
       scale=st.sampled_from([1, 2, 4]), seed=st.integers(0, 99))
def test_lies_between_the_sharpened_image_and_the_mean(count, height, width, scale, seed):
    passes, enlarged = images(count, height, width, seed), images(1, height, width, seed + 1)[0]
    sums = sums_of(passes)
    result = agreed_image(sums, enlarged, scale)[0].astype(float)
    both = sums.moments(slice(None))[0], sharpened(enlarged, scale).astype(float)
    assert (result >= np.minimum(*both) - 1).all()
    assert (result <= np.maximum(*both) + 1).all()


@settings(max_examples=25, deadline=None)
@given(count=st.integers(2, 9), seed=st.integers(0, 99))
def test_moments(count, seed):
    passes = images(count, 7, 9, seed)
    mean, variance = sums_of(passes).moments(slice(2, 6))
    np.testing.assert_allclose(mean, passes[:, 2:6].mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(variance, passes[:, 2:6].var(axis=0, ddof=1), atol=.02)


def test_sums_hold_as_many_passes_as_they_say():
    white = np.full((2, 2, 3), 255, np.uint8)
    sums = sums_of([white] * 256)
    np.testing.assert_array_equal(sums.moments(slice(None))[0], 255)
    np.testing.assert_array_equal(sums.moments(slice(None))[1], 0)
    with pytest.raises(ValueError, match='at most 256'):
        sums.add(white)


def test_the_order_of_the_passes_is_of_no_matter():
    passes, enlarged = images(6), smooth_image(40, 36)
    np.testing.assert_array_equal(agreed_image(sums_of(passes), enlarged, SCALE)[0],
                                  agreed_image(sums_of(passes[::-1]), enlarged, SCALE)[0])


@pytest.mark.parametrize('count', [0, 1])
def test_too_few_passes(count):
    with pytest.raises(ValueError, match=f'at least 2 passes, got {count}'):
        agreed_image(sums_of(images(count)), images(1)[0], SCALE)


def test_passes_of_two_sizes():
    sums = sums_of(images(1))
    with pytest.raises(ValueError, match=r'shape \(40, 36, 3\), got \(36, 40, 3\)'):
        sums.add(images(1, 36, 40)[0])
