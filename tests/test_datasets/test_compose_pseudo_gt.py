from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.registry import TRANSFORMS

import mmdesra  # noqa: F401  (registers the transforms)
from mmdesra.datasets.pseudo_gt import compose_pseudo_gt
from mmdesra.datasets.transforms import ComposePseudoGT

NAMES = ('PseudoGTDataset', 'ComposePseudoGT')


def random_image(seed, size=(7, 9), dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(dtype)


def random_mask(seed, size=(7, 9)):
    return np.random.default_rng(seed).random(size) < .4


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12))
def test_it_is_mask_times_mse_plus_the_rest_times_gan(dtype, seed, height, width):
    gan, mse = (random_image(seed + k, (height, width), dtype) for k in (0, 1))
    mask = random_mask(seed, (height, width))
    gt = compose_pseudo_gt(gan, mse, mask)
    share = mask[..., None].astype(float)
    np.testing.assert_array_equal(gt, share * mse + (1 - share) * gan)
    assert gt.dtype == dtype


def test_the_extremes_are_the_two_images():
    gan, mse = random_image(0), random_image(1)
    np.testing.assert_array_equal(compose_pseudo_gt(gan, mse, np.zeros((7, 9), bool)), gan)
    np.testing.assert_array_equal(compose_pseudo_gt(gan, mse, np.ones((7, 9), bool)), mse)


def test_the_result_is_an_image_of_its_own():
    gan, mse = random_image(0), random_image(1)
    before = gan.copy(), mse.copy()
    compose_pseudo_gt(gan, mse, random_mask(0))[:] = 0
    np.testing.assert_array_equal((gan, mse), before)


@pytest.mark.parametrize('sizes', [
    [(7, 9), (7, 8), (7, 9)], [(7, 9), (7, 9), (7, 8)], [(7, 9), (1, 1), (7, 9)],
    [(7, 9), (7, 9), (1, 1)], [(7, 9), (9, 7), (7, 9)]])
def test_sizes_that_differ_are_an_error_and_are_not_broadcast(sizes):
    gan, mse, mask = random_image(0, sizes[0]), random_image(1, sizes[1]), random_mask(0, sizes[2])
    with pytest.raises(ValueError, match=r'one size, got \(7, 9, 3\), \(.*\) and \(.*\)'):
        compose_pseudo_gt(gan, mse, mask)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('shape', [(7, 9), (7, 9, 1)])
@pytest.mark.parametrize('value', [True, np.uint8(1), np.uint8(255), np.float32(.5)])
def test_the_transform_composes_what_the_keys_name(name, shape, value):
    gan, mse, mask = random_image(0), random_image(1), random_mask(0)
    keys = dict(gan_key='sr', mse_key='reference', mask_key='artifacts', gt_key='target')
    transform = TRANSFORMS.build(dict(type=name, **keys))
    assert isinstance(transform, ComposePseudoGT)
    sample = dict(sr=gan, reference=mse, artifacts=(mask * value).reshape(shape), key='a')
    result = transform(dict(sample))
    np.testing.assert_array_equal(result['target'], compose_pseudo_gt(gan, mse, mask))
    assert result.keys() == {*sample, 'target'}
    for key, given_value in sample.items():
        assert result[key] is given_value


@pytest.mark.parametrize('name', NAMES)
def test_default_keys_and_repr(name):
    transform = TRANSFORMS.build(dict(type=name))
    assert repr(transform) == 'ComposePseudoGT(gan_key=gan, mse_key=mse, mask_key=mask, gt_key=gt)'
    result = transform(dict(gan=random_image(0), mse=random_image(1), mask=random_mask(0)))
    np.testing.assert_array_equal(
        result['gt'], compose_pseudo_gt(random_image(0), random_image(1), random_mask(0)))


def test_the_transform_reports_sizes_too():
    with pytest.raises(ValueError, match='of one size'):
        ComposePseudoGT()(dict(gan=random_image(0), mse=random_image(1, (3, 3)),
                               mask=random_mask(0)))


@pytest.mark.parametrize('shape', [(7, 9, 3), (1, 7, 9)])
def test_a_mask_of_several_channels_is_an_error(shape):
    with pytest.raises(ValueError, match=r'mask'):
        ComposePseudoGT()(dict(gan=random_image(0), mse=random_image(1), mask=np.ones(shape)))
