"""What holds of every map, whatever the images: turned, swapped, cut, views, other types.

The images are 11 to 70 px a side, seldom square, of one to four channels.
"""
from __future__ import annotations

import numpy as np
import pytest
import torch
from hard_images import make_pair, seeds, sizes, turned, turns
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdesra.ops import (
    MARGIN,
    WINDOW_SIZE,
    detail_outside,
    local_std,
    relative_difference,
    texture_difference,
)
from mmdesra.ops.ldl import ldl_artifact_map
from mmdesra.ops.ssim import structural_similarity

OF_STATISTICS = {
    'D': lambda gan, mse: relative_difference(local_std(gan), local_std(mse)),
    'D as printed': lambda gan, mse: relative_difference(local_std(gan), local_std(mse),
                                                         'printed'),
    'd': lambda gan, mse: texture_difference(local_std(gan), local_std(mse)),
}
OF_CHANNELS = dict(OF_STATISTICS, SSIM=structural_similarity)
MAPS = dict(OF_CHANNELS, LDL=ldl_artifact_map)
RANGES = {'D': (0, 1), 'D as printed': (0, 1), 'd': (0, 127.5**2 + 1e-6), 'SSIM': (-1, 1)}
OF_EQUAL = {'D': 1, 'd': 0, 'SSIM': 1, 'LDL': 0}
TOLERANCES = dict(rtol=1e-6, atol=1e-6)

channel_counts = st.integers(1, 4)
of_maps = pytest.mark.parametrize('name', MAPS)
of_channels = pytest.mark.parametrize('name', OF_CHANNELS)
examples = settings(max_examples=12)


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, **TOLERANCES)


@of_maps
@examples
@given(seeds, channel_counts, sizes, turns)
def test_turned_images_have_the_turned_map(name, seed, channels, size, how):
    pair = make_pair(seed, channels, size)
    assert_close(MAPS[name](*(turned(image, how) for image in pair)),
                 turned(MAPS[name](*pair), how))


@of_maps
@examples
@given(seeds, channel_counts, sizes)
def test_the_order_of_the_two_images_does_not_matter(name, seed, channels, size):
    gan, mse = make_pair(seed, channels, size)
    assert torch.equal(MAPS[name](gan, mse), MAPS[name](mse, gan))


@of_maps
@examples
@given(seeds, channel_counts, sizes)
def test_values_are_finite_and_in_their_range(name, seed, channels, size):
    gan, mse = make_pair(seed, channels, size)
    # LDL's residual is the sum over the channels, its map of degree 2 + 2/5 in it.
    low, high = RANGES.get(name, (0, 2.8 * (channels / 3)**2.4))
    for other in (mse, gan, gan.float() * .999):
        values = MAPS[name](gan, other)
        assert low <= values.min() and values.max() <= high  # false of NaN, too


@pytest.mark.parametrize('name', OF_EQUAL)
@examples
@given(seeds, channel_counts, sizes)
def test_equal_images_differ_nowhere(name, seed, channels, size):
    image = make_pair(seed, channels, size)[0]
    np.testing.assert_allclose(MAPS[name](image, image.clone()), OF_EQUAL[name], atol=1e-9)


@of_channels
@examples
@given(seeds, sizes, st.permutations(range(4)))
def test_each_channel_is_on_its_own(name, seed, size, order):
    pair = make_pair(seed, 4, size)
    together = MAPS[name](*(image[order] for image in pair))
    for channel, found in zip(order, together):
        assert torch.equal(found, MAPS[name](*(image[channel] for image in pair)))


@examples
@given(seeds, sizes, st.permutations(range(4)))
def test_the_order_of_the_channels_does_not_matter_to_ldl(seed, size, order):
    pair = make_pair(seed, 4, size)
    assert_close(ldl_artifact_map(*(image[order] for image in pair)), ldl_artifact_map(*pair))


@of_channels
@examples
@given(seeds, sizes)
def test_a_batch_is_its_images(name, seed, size):
    pairs = [make_pair(seed + number, 3, size) for number in range(2)]
    together = MAPS[name](*map(torch.stack, zip(*pairs)))
    for found, pair in zip(together, pairs):
        assert torch.equal(found, MAPS[name](*pair))


@of_maps
@examples
@given(seeds, channel_counts, sizes, st.sampled_from([torch.int16, torch.int64, torch.float32,
                                                      torch.float64]))
def test_the_type_does_not_matter(name, seed, channels, size, dtype):
    gan, mse = make_pair(seed, channels, size)
    expected = MAPS[name](gan, mse)
    assert_close(MAPS[name](gan.to(dtype), mse.to(dtype)), expected)
    assert_close(MAPS[name](gan, mse.to(dtype)), expected)


def views_of(image):
    """The same values in other memory layouts."""
    channels, height, width = image.shape
    larger = torch.full((channels + 1, 2 * height + 3, 3 * width + 2), 77, dtype=image.dtype)
    strided, inner = larger[1:, 3::2, 2::3], larger.clone()[:-1, 2:height + 2, 1:width + 1]
    return [image.permute(1, 2, 0).contiguous().permute(2, 0, 1),  # (H, W, C), as read from files
            image.permute(2, 1, 0).contiguous().permute(2, 1, 0),  # columns first
            strided.copy_(image), inner.copy_(image)]


@of_maps
@examples
@given(seeds, channel_counts, sizes, st.sampled_from([torch.uint8, torch.float32, torch.float64]))
def test_the_memory_layout_does_not_matter_and_nothing_is_written(name, seed, channels, size,
                                                                  dtype):
    gan, mse = (image.to(dtype) for image in make_pair(seed, channels, size))
    expected = MAPS[name](gan, mse)
    for view, other in zip(views_of(gan), reversed(views_of(mse))):
        assert torch.equal(MAPS[name](view, other), expected)
        assert torch.equal(view, gan) and torch.equal(other, mse)


@of_channels
@examples
@given(seeds, channel_counts, sizes, st.data())
def test_the_map_of_a_crop_is_that_crop_of_the_map(name, seed, channels, size, data):
    pair = make_pair(seed, channels, size)
    starts = [data.draw(st.integers(0, side - WINDOW_SIZE)) for side in size]
    ends = [data.draw(st.integers(start + WINDOW_SIZE, side))
            for start, side in zip(starts, size)]
    crop = (..., *map(slice, starts, ends))
    inside = (..., *(slice(start, end - 2 * MARGIN) for start, end in zip(starts, ends)))
    assert_close(MAPS[name](*(image[crop] for image in pair)), MAPS[name](*pair)[inside])


@pytest.mark.parametrize('name', OF_STATISTICS)
@examples
@given(seeds, channel_counts, sizes, st.integers(-2, 2))
def test_brightness_and_a_negative_do_not_matter_to_the_statistics(name, seed, channels, size,
                                                                   shift):
    gan, mse = (image.double() / 2 + 60 for image in make_pair(seed, channels, size))
    expected = OF_STATISTICS[name](gan, mse)
    for changed in (gan + 25 * shift, 255 - gan):
        # The variance of a flat part rounds to 0 or not: its root differs by up to 1e-4.
        np.testing.assert_allclose(OF_STATISTICS[name](changed, mse), expected, rtol=1e-4,
                                   atol=1e-4)


@examples
@given(seeds, sizes, st.floats(.01, 1))
def test_the_std_follows_the_contrast(seed, size, contrast):
    image = make_pair(seed, 1, size)[0].double()
    np.testing.assert_allclose(local_std(contrast * image), contrast * local_std(image),
                               rtol=1e-5, atol=2e-4)


@pytest.mark.parametrize('name', MAPS)
@pytest.mark.parametrize('seam', [256, 512, 1024])
@pytest.mark.parametrize('beyond', [-1, 0, 1])
def test_a_long_image_has_no_seams(name, seam, beyond):
    """Lengths that leave one column less or more than whole tiles or strips, and none."""
    pair = make_pair(seam, 2, (13, seam + 2 * MARGIN + beyond))
    expected = MAPS[name](*pair)
    assert_close(MAPS[name](*(image.transpose(-1, -2) for image in pair)),
                 expected.transpose(-1, -2))
    if name in OF_CHANNELS:
        for start in range(0, pair[0].shape[-1] - 30, 200):
            part = MAPS[name](*(image[..., start:start + 40] for image in pair))
            assert_close(part, expected[..., start:start + 30])


@examples
@given(seeds, channel_counts, sizes, turns, st.randoms(use_true_random=False))
def test_detail_does_not_depend_on_direction_channels_or_place(seed, channels, size, how, random):
    image = make_pair(seed, channels, size)[0]
    rng = np.random.default_rng(seed)
    mask, other = (torch.from_numpy(rng.random(size) < share) for share in rng.random(2))
    detail = detail_outside(image, mask)
    order = random.sample(range(channels), channels)
    same = turned(image[order], how), turned(mask, how)
    assert detail_outside(*same) == pytest.approx(detail, rel=1e-6, abs=1e-3)
    assert detail_outside(image, mask | other) <= detail + 1e-6
    assert 0 <= detail <= 127.5 * size[0] * size[1]
    inside = slice(MARGIN, -MARGIN)
    expected = local_std(image).mean(dim=0).numpy()[~mask.numpy()[inside, inside]].sum()
    assert detail == pytest.approx(expected, rel=1e-6, abs=1e-3)
