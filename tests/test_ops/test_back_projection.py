"""An SR image is brought back to its LR image where it is to be, and nowhere else."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from mmdesra.ops import bands
from mmdesra.ops.back_projection import back_projected


def photograph(height, width, seed=0):
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    smooth = ndimage.gaussian_filter(noise, (2, 2, 0))
    return (128 + 35 * smooth / smooth.std()).clip(30, 225).round().astype(np.uint8)


def resized(image, height, width, **options):
    """PyTorch's bicubic resizing: another implementation than those that are used."""
    batch = torch.from_numpy(np.ascontiguousarray(image)).double().permute(2, 0, 1)[None]
    found = functional.interpolate(batch, (height, width), mode='bicubic', **options)
    return found[0].permute(1, 2, 0).numpy()


def reduced(image, like):
    return resized(image, *like.shape[:2], antialias=True)


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_formula(scale):
    image, lq = photograph(15 * scale, 11 * scale), photograph(15, 11, seed=1)
    share = np.random.default_rng(0).random(image.shape[:2]).astype(np.float32)
    error = resized(lq - reduced(image, lq), *image.shape[:2])
    expected = (image + share[..., None] * error).clip(0, 255)
    result = back_projected(image, lq, share, 1)
    assert result.dtype == np.uint8
    np.testing.assert_allclose(result, expected, atol=.51)


def test_each_step_brings_the_reduction_nearer_to_the_lr_image():
    truth = photograph(64, 48)
    lq = reduced(truth, np.empty((16, 12))).round().clip(0, 255).astype(np.uint8)
    blurred = ndimage.gaussian_filter(truth, (2, 2, 0))
    errors, distances = [], []
    for steps in range(4):
        result = back_projected(blurred, lq, np.ones((64, 48), np.float32), steps)
        errors.append(np.abs(lq - reduced(result, lq)).mean())
        distances.append(((result.astype(float) - truth)**2).mean())
    assert errors == sorted(errors, reverse=True) and errors[3] < errors[0] / 3
    assert distances == sorted(distances, reverse=True)


def test_where_the_share_is_0_nothing_changes():
    image, lq = photograph(40, 32), photograph(10, 8, seed=1)
    share = np.ones((40, 32), np.float32)
    share[:20] = 0
    result = back_projected(image, lq, share, 3)
    np.testing.assert_array_equal(result[:20], image[:20])
    assert not np.array_equal(result[20:], image[20:])
    np.testing.assert_array_equal(back_projected(image, lq, share, 0), image)


@pytest.mark.parametrize('band_pixels', [1, 500, 10**6])
@pytest.mark.parametrize('height, width', [(1, 1), (2, 9), (13, 7)])
def test_bands_leave_no_trace(band_pixels, height, width, monkeypatch):
    image, lq = photograph(4 * height, 4 * width), photograph(height, width, seed=1)
    share = np.random.default_rng(0).random(image.shape[:2]).astype(np.float32)
    expected = back_projected(image, lq, share, 2)
    monkeypatch.setattr(bands, 'BAND_PIXELS', band_pixels)
    np.testing.assert_array_equal(back_projected(image, lq, share, 2), expected)
