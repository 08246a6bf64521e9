from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmdesra.generators import Upscaler

REACH = 3  # of the textured generator: (3 - 1) / 2 + (5 - 1) / 2 pixels


def replicating(gain=1., offset=0.):
    """Every pixel becomes 2 × 2 of gain · value + offset."""
    conv = nn.Conv2d(3, 12, 1)
    nn.init.zeros_(conv.weight)
    for channel in range(12):
        conv.weight.data[channel, channel // 4] = gain
    nn.init.constant_(conv.bias, offset)
    return nn.Sequential(conv, nn.PixelShuffle(2))


def textured(scale=2, seed=0):
    """Random weights large enough that every pixel in reach shows."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8), nn.Conv2d(8, 3 * scale**2, 5, padding=2),
        nn.PixelShuffle(scale))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=.2)
    return network.eval()


def image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def assert_same_pixels(result, expected):
    """Equal but for sums in another order, which may turn a rounding."""
    assert result.shape == expected.shape and result.dtype == np.uint8
    difference = np.abs(result.astype(int) - expected)
    assert difference.max() <= 1 and difference.sum() <= 1 + difference.size // 500


@pytest.mark.parametrize('tile', [0, 4])
@pytest.mark.parametrize('gain, offset', [(1, 0), (2, -.25), (.5, .75), (-1, 1)])
def test_values_are_scaled_rounded_and_clipped(gain, offset, tile):
    lq = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    sr = Upscaler(replicating(gain, offset), tile=tile)(lq)
    expected = (gain * lq.astype(float) + 255 * offset).clip(0, 255)
    np.testing.assert_allclose(sr, expected.repeat(2, axis=0).repeat(2, axis=1), atol=.5001)
    assert sr.flags.c_contiguous


def test_channels_and_axes_stay_where_they_are():
    lq = np.zeros((5, 8, 3), np.uint8)
    lq[1, 6] = 10, 20, 30
    sr = Upscaler(replicating())(lq)
    assert sr.shape == (10, 16, 3)
    assert (sr[2:4, 12:14] == (10, 20, 30)).all()
    assert sr.sum() == 4 * 60


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 30), st.integers(0, 5),
       st.sampled_from([1, 2, 3]))
def test_tiles_leave_no_trace(height, width, tile, more_pad, scale):
    generator, lq = textured(scale), image(height, width)
    whole = Upscaler(generator)(lq)
    assert whole.shape == (height * scale, width * scale, 3)
    assert_same_pixels(Upscaler(generator, tile, tile_pad=REACH + more_pad)(lq), whole)


def test_tiles_with_too_little_around_them_do_leave_a_trace():
    generator, lq = textured(), image(20, 20)
    difference = np.abs(Upscaler(generator)(lq).astype(int)
                        - Upscaler(generator, tile=8, tile_pad=REACH - 1)(lq))
    assert difference.max() > 5
    assert_same_pixels(difference[:10, :10].astype(np.uint8), np.zeros((10, 10, 3), int))


def test_memory_is_bounded_by_the_tile():
    sizes = []
    generator = textured()
    generator.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[2:]))
    Upscaler(generator, tile=8, tile_pad=2)(image(30, 40))
    assert len(sizes) == 4 * 5
    assert max(max(size) for size in sizes) == 8 + 2 * 2


@pytest.mark.parametrize('tile', [0, 7])
def test_half_precision_is_used_and_close_to_full(tile):
    generator, lq = textured(), image(20, 30)
    dtypes = []
    generator[0].register_forward_hook(lambda *args: dtypes.append(args[-1].dtype))
    full, half = (Upscaler(generator, tile, half=half)(lq).astype(int) for half in (False, True))
    assert {dtypes[0], dtypes[-1]} == {torch.float32, torch.bfloat16}
    assert np.abs(full - half).max() <= 6
    assert np.abs(full - half).mean() < 1


@pytest.mark.parametrize('tile', [0, 4])
@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('half, message', [(False, 'NaN or infinity$'), (True, r'half precision')])
def test_what_is_no_number_is_an_error(value, tile, half, message):
    with pytest.raises(ValueError, match=message):
        Upscaler(replicating(offset=value), tile, half=half)(image(6, 6))


class Broken(nn.Module):
    def forward(self, x):
        raise RuntimeError('broken')


@pytest.mark.parametrize('last', [nn.Identity(), Broken()])
def test_every_part_keeps_its_mode(last):
    frozen = nn.BatchNorm2d(3)
    generator = nn.Sequential(frozen, nn.BatchNorm2d(3), nn.Dropout(), replicating(), last).train()
    frozen.eval()
    modes = [module.training for module in generator.modules()]
    statistics = generator[1].running_mean.clone()
    try:
        first, second = (Upscaler(generator)(image(6, 6)) for _ in range(2))
        np.testing.assert_array_equal(first, second)  # no dropout
    except RuntimeError:
        assert isinstance(last, Broken)
    assert [module.training for module in generator.modules()] == modes
    assert torch.equal(generator[1].running_mean, statistics)


def test_training_can_go_on_afterwards():
    generator = nn.Sequential(nn.BatchNorm2d(3), textured()).train()
    Upscaler(generator, half=True)(image(6, 6))
    generator(torch.rand(2, 3, 6, 6)).mean().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())


def test_views_are_images_too():
    lq = image(12, 14)
    view = lq[::-1, ::2]
    view.flags.writeable = False
    np.testing.assert_array_equal(Upscaler(replicating())(view),
                                  view.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize('options', [dict(tile=-1), dict(tile_pad=-1)])
def test_negative_sizes_are_an_error(options):
    with pytest.raises(ValueError, match='tile and tile_pad of at least 0, got'):
        Upscaler(replicating(), **options)
