"""SR images made on a GPU against those of the CPU."""
from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from mmdesra.generators import Upscaler
from mmdesra.generators.failures import UpscaleError

pytestmark = pytest.mark.cuda


class Network(nn.Module):
    """Nearest neighbours and a texture that a few convolutions make of the surroundings."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        layers: list[nn.Module] = []
        for before, after in ((3, 32), (32, 32), (32, 32), (32, 48)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(.2)]
        self.body = nn.Sequential(*layers[:-1], nn.PixelShuffle(4))

    def forward(self, x):
        return nn.functional.interpolate(x, scale_factor=4) + self.body(x)


def make_lq(size=(90, 110)):
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(*size, 3)), (2, 2, 0))
    return (127 + 50 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)


def levels(first, second):
    return np.abs(first.astype(int) - second).max(axis=2)


@pytest.fixture(scope='module')
def network():
    return Network()


@pytest.fixture
def there(network, device):
    return copy.deepcopy(network).to(device)


def test_float32_is_that_of_the_cpu(network, there, device, full_precision):
    expected = Upscaler(network)(make_lq())
    upscaler = Upscaler(there)
    assert upscaler.device.type == device
    difference = levels(upscaler(make_lq()), expected)
    assert difference.max() <= 1 and (difference == 0).mean() > .99
    assert expected.std() > 20


def test_channels_last_weights_change_nothing_that_shows(there, full_precision):
    expected = Upscaler(there)(make_lq())
    last = Upscaler(there.to(memory_format=torch.channels_last))(make_lq())
    assert levels(last, expected).max() <= 1


def test_half_precision_is_within_two_levels(there):
    difference = levels(Upscaler(there, half=True)(make_lq()), Upscaler(there)(make_lq()))
    assert (difference <= 2).mean() >= .999


@pytest.mark.parametrize('half', [False, True])
def test_tiles_leave_no_trace(there, half, full_precision):
    """Up to rounding: for images of other sizes a GPU may add in another order."""
    whole = Upscaler(there, half=half)(make_lq())
    tiled = Upscaler(there, tile=32, tile_pad=8, half=half)(make_lq())
    difference = levels(tiled, whole)
    assert difference.max() <= (2 if half else 1) and (difference == 0).mean() > .9


def test_what_overflows_in_half_precision_is_found(there, device):
    if device == 'cpu':
        pytest.skip("the CPU's half precision, bfloat16, has the range of float32")
    with torch.no_grad():
        there.body[0].weight *= 1e6
        there.body[2].weight *= 1e-6
    assert Upscaler(there)(make_lq()).std() > 1
    with pytest.raises(UpscaleError, match=r'NaN or infinity \(half precision is on\)'):
        Upscaler(there, half=True)(make_lq())


def test_too_little_memory_names_the_cure(there):
    class Greedy(Network):
        def forward(self, x):
            if x.shape[-1] > 100:
                torch.empty(2**50, dtype=torch.uint8, device=x.device)
            return super().forward(x)

    upscaler = Upscaler(Greedy().to(next(there.parameters()).device))
    with pytest.raises(UpscaleError, match='too little memory; it takes tiles'):
        upscaler(make_lq())
    assert Upscaler(there)(make_lq()).shape == (360, 440, 3)  # and goes on
