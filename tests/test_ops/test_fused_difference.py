"""The compiled map against the tensors' definition, and the mask without a map."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mmdesra.ops import (
    difference_map,
    excess_texture,
    local_std,
    relative_difference,
    texture_difference,
)

FORMS = ('released', 'printed', 'absolute', 'excess')


def make_pair(size, seed=0):
    """A smooth image and the same with noise of varying strength."""
    rng = np.random.default_rng(seed)
    mse = ndimage.gaussian_filter(rng.normal(128, 400, (*size, 3)), (5, 5, 0))
    noise = rng.normal(0, 20, mse.shape) * np.linspace(0, 1, size[1])[:, None]
    return [np.clip(image, 0, 255).astype(np.uint8) for image in (mse + noise, mse)]


def as_tensors(*images):
    return [torch.from_numpy(image).permute(2, 0, 1) for image in images]


def by_definition(gan, mse, form):
    std_gan, std_mse = local_std(gan), local_std(mse)
    if form == 'absolute':
        return texture_difference(std_gan, std_mse).mean(dim=0)
    if form == 'excess':
        return excess_texture(std_gan, std_mse).mean(dim=0)
    return relative_difference(std_gan, std_mse, form).mean(dim=0)


@pytest.mark.parametrize('form', FORMS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), height=st.integers(11, 40), width=st.integers(11, 150),
       contrast=st.sampled_from([0, 1, 40, 255]))
def test_the_compiled_map_is_that_of_the_definition(form, seed, height, width, contrast):
    """Over flat, faint and full noise, with blocks cut in both directions."""
    rng = np.random.default_rng(seed)
    pair = as_tensors(*(rng.integers(255 - contrast, 256, (height, width, 3), np.uint8)
                        for _ in range(2)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmdesra.ops.fused_difference.BLOCK_ROWS', 13)
        found = difference_map(*pair, form)
    assert found.dtype == torch.float32
    # A deviation of 0 is a root of rounding errors.
    torch.testing.assert_close(found.double(), by_definition(*pair, form), rtol=1e-7,
                               atol=1e-6 if form == 'excess' else 1e-9)


def test_other_dtypes_take_the_tensors_path():
    pair = as_tensors(*make_pair(size=(30, 40)))
    found = difference_map(*(image.float() for image in pair))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, difference_map(*pair).double(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize('form', FORMS)
def test_equal_images_have_no_difference(form):
    image = as_tensors(make_pair(size=(70, 90))[0])[0]
    expected = dict(released=1., absolute=0., excess=0.).get(form)
    found = difference_map(image, image, form)
    assert expected is None or bool((found == expected).all())
    assert bool((found <= 1).all())


@pytest.mark.parametrize('channels', [1, 2, 4])
def test_other_numbers_of_channels_too(channels):
    pair = [torch.from_numpy(np.resize(image, (channels, 30, 40)))
            for image in make_pair(size=(30, 40))]
    torch.testing.assert_close(difference_map(*pair).double(), by_definition(*pair, 'released'))


@pytest.mark.parametrize('shape', [(3, 30, 39), (3, 20, 40), (1, 30, 40)])
def test_images_of_two_shapes_are_an_error(shape):
    """The compiled path would read what lies behind the smaller one."""
    gan = as_tensors(make_pair(size=(30, 40))[0])[0]
    smaller = gan[tuple(map(slice, shape))]
    for pair in ((gan, smaller), (smaller, gan)):
        with pytest.raises(ValueError, match='expected two images of one shape'):
            difference_map(*pair)


def test_rounding_leads_nowhere_where_the_variances_are_equal():
    """Of an image and the same a little brighter, the two are equal but for rounding."""
    image = as_tensors(make_pair(size=(60, 70))[0])[0] // 2
    for shift in (1, 37, 100):
        pair = image, image + shift
        distance, similarity = (difference_map(*pair, form) for form in ('absolute', 'released'))
        assert distance.min() >= 0 and similarity.max() <= 1
        assert distance.max() < 1e-9 and similarity.min() > 1 - 1e-6


def test_threads_change_nothing():
    pair = as_tensors(*make_pair(size=(400, 300)))
    before = torch.get_num_threads()
    maps = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            maps.append(difference_map(*pair))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*maps)


def test_an_unknown_form_and_a_small_image_are_errors():
    pair = as_tensors(*make_pair(size=(30, 40)))
    with pytest.raises(ValueError, match="got 'papers'"):
        difference_map(*pair, 'papers')
    with pytest.raises(ValueError, match='got 40x10'):
        difference_map(*(image[:, :10] for image in pair))
