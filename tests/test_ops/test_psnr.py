from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from mmdesra.ops.psnr import psnr


@pytest.mark.parametrize('difference, expected', [(255, 0), (25.5, 20), (2.55, 40)])
def test_a_constant_difference(difference, expected):
    image = torch.zeros(3, 4, 5)
    assert psnr(image, image + difference) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('shape', [(3, 7, 9), (20, 30, 3), (1, 1)])
def test_is_that_of_scikit_image(shape):
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, shape, np.uint8) for _ in range(2))
    expected = peak_signal_noise_ratio(first, second, data_range=255)
    assert psnr(*map(torch.from_numpy, (first, second))) == pytest.approx(expected, abs=1e-9)


def test_equal_images():
    assert psnr(torch.ones(3, 2, 2), torch.ones(3, 2, 2)) == math.inf


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r'got \(3, 2, 2\) and \(3, 2, 1\)'):
        psnr(torch.ones(3, 2, 2), torch.ones(3, 2, 1))
