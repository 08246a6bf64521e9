from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import ndimage
from toys import make_lq_image

from mmdesra.datasets.degradations import build_degradation, enlarge_bicubic
from mmdesra.errors import InputError


def photograph(size=(96, 128)):
    return make_lq_image(3, size)


def test_bicubic_reduction_is_antialiased_and_keeps_the_place():
    degrade = build_degradation('bicubic', 4)
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    assert degrade(noise, 0).std() < .4 * noise.std()  # one sample in 16 would keep its strength
    smooth = photograph()
    centres = smooth.reshape(24, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(degrade(smooth, 0) - centres)[2:-2, 2:-2].max() < 6
    np.testing.assert_array_equal(degrade(np.full((8, 12, 3), 77, np.uint8), 0), np.full((2, 3, 3),
                                                                                         77))


@pytest.mark.parametrize('size', [(96, 128), (64, 36)])
def test_real_esrgans_degradations_have_the_size_and_hang_on_the_seed_alone(size):
    degrade, image = build_degradation('realesrgan', 4), photograph(size)
    before = image.copy()
    random.seed(7)
    np.random.seed(7)
    first, drawn = degrade(image, 5), (random.random(), np.random.random())
    assert first.shape == (size[0] // 4, size[1] // 4, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(degrade(image, 5), first)
    assert not np.array_equal(degrade(image, 6), first)
    np.testing.assert_array_equal(image, before)
    random.seed(7)
    np.random.seed(7)
    assert drawn == (random.random(), np.random.random())  # others' random numbers are left alone


def test_real_esrgans_degradations_disturb_more_than_a_reduction():
    image = photograph((160, 160))
    clean = build_degradation('bicubic', 4)(image, 0).astype(float)
    degrade = build_degradation('realesrgan', 4)
    errors = [np.abs(degrade(image, seed) - clean).mean() for seed in range(6)]
    assert min(errors) > .5 and len({round(error, 3) for error in errors}) > 4
    assert max(errors) < 60  # it is still the same picture


def test_enlarging_keeps_the_place():
    image = photograph((24, 32))
    sharp = enlarge_bicubic(image, 4)
    assert sharp.shape == (96, 128, 3)
    plain = ndimage.zoom(image.astype(float), (4, 4, 1), order=1, mode='nearest', grid_mode=True)
    assert np.abs(sharp - plain).mean() < 1.5


def test_what_is_no_degradation_is_refused():
    with pytest.raises(InputError, match='bicubic, realesrgan, got blur'):
        build_degradation('blur', 4)
    with pytest.raises(InputError, match='at least 2, got 1'):
        build_degradation('bicubic', 1)
