"""What networks are found to take, and which are refused."""
from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Enlarging, Folding, Mirroring, Raising, random_weights
from torch import nn

import mmdesra  # noqa: F401  (registers the types)
from mmdesra.generators import (
    GeneratorError,
    ImageSizes,
    build_generator,
    image_sizes_of,
    load_upscaler,
    refuse_unfit_type,
)
from mmdesra.generators.image_sizes import pad_image

RRDBNET = dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=4, num_blocks=1,
               growth_channels=4)
SWINIR = dict(type='SwinIRNet', window_size=4, embed_dim=8, depths=[2], num_heads=[2],
              mlp_ratio=2, upscale=2, upsampler='pixelshuffledirect')


@pytest.mark.parametrize('fold', [1, 2, 3, 4, 6, 8, 12, 16])
@pytest.mark.parametrize('scale', [1, 2, 3])
def test_multiples_are_found(fold, scale):
    assert image_sizes_of(Folding(fold, scale)) == ImageSizes(scale, fold, fold, fold)


@pytest.mark.parametrize('least', [1, 2, 5, 8, 11, 100])
def test_least_sides_are_found(least):
    assert image_sizes_of(Mirroring(least)) == ImageSizes(2, 1, least, 1)


@pytest.mark.parametrize('spec, expected', [
    (dict(RRDBNET, upscale_factor=4), ImageSizes(4)),
    (dict(RRDBNET, upscale_factor=2), ImageSizes(2, 2, 2, 2)),
    (dict(RRDBNET, upscale_factor=1), ImageSizes(1, 4, 4, 4)),
    (SWINIR, ImageSizes(2, 1, 3, 4)),  # pads itself, where there is enough to mirror
    (dict(SWINIR, upscale=1, upsampler=''), ImageSizes(1, 1, 3, 4)),
    (dict(type='EDSRNet', in_channels=3, out_channels=3, mid_channels=4, num_blocks=1,
          upscale_factor=3), ImageSizes(3)),
    (dict(type='NAFNet', img_channels=3, mid_channels=4, enc_blk_nums=[1, 1], middle_blk_num=1,
          dec_blk_nums=[1, 1]), ImageSizes(1, 1, 1, 4)),
    (dict(type='SRResNet', mid_channels=4, num_blocks=1), ImageSizes(4)),
], ids=lambda value: value['type'] if isinstance(value, dict) else '')
def test_networks_of_mmagic(spec, expected):
    pytest.importorskip('mmagic')
    assert image_sizes_of(build_generator(spec)) == expected


@pytest.mark.parametrize('make', [
    lambda: Folding(4, 1), lambda: Folding(3, 2), lambda: build_generator(SWINIR)])
def test_a_crop_on_the_grid_gives_the_crop_of_the_whole(make):
    network = random_weights(make(), .3)
    sizes, image, away = image_sizes_of(network), torch.rand(1, 3, 48, 48), 16

    def difference(begin):
        crop = image[..., begin:, begin:]
        crop = crop[..., :(48 - begin) // sizes.grid * sizes.grid][
            ..., :(48 - begin) // sizes.grid * sizes.grid, :]
        end = begin + crop.shape[-1]
        inside = slice((begin + away) * sizes.scale, (end - away) * sizes.scale)
        inside_crop = slice(away * sizes.scale, (crop.shape[-1] - away) * sizes.scale)
        assert inside.stop > inside.start
        return (network(image)[..., inside, inside]
                - network(crop)[..., inside_crop, inside_crop]).abs().max().item()

    assert difference(sizes.grid) < 1e-4
    assert difference(1) > 1e-2


class Disturbed(Enlarging):
    """Has all that trying it might change."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm2d(3), nn.Dropout()
        self.calls = 0

    def check(self, x):
        self.calls += 1
        torch.rand(3)
        assert not self.norm.training
        return self.drop(self.norm(x))


def test_trying_leaves_no_trace():
    network = Disturbed().train()
    network.drop.eval()
    state, random_state = deepcopy(network.state_dict()), torch.get_rng_state()
    assert image_sizes_of(network) == ImageSizes(2)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert network.training and network.norm.training and not network.drop.training
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert network.gain.grad is None and network.gain.requires_grad


def test_a_network_and_its_copies_are_tried_once():
    network = Disturbed()
    image_sizes_of(network)
    calls, copy = network.calls, deepcopy(network)
    assert image_sizes_of(network) == image_sizes_of(copy) == ImageSizes(2)
    assert network.calls == copy.calls == calls <= 5


def test_a_network_may_say_itself():
    network = Disturbed()
    network.image_sizes = ImageSizes(2, 6, 12, 6)
    assert image_sizes_of(network) == ImageSizes(2, 6, 12, 6)
    assert not network.calls


class Net(nn.Module):
    """What a function makes of an image."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        return self.make(x)


class TwoInputs(nn.Module):
    def forward(self, x, coord, cell, test_mode=False):
        return x


class OneSize(Enlarging):
    def check(self, x):
        assert x.shape[-2:] == (16, 16), 'Spatial resolution must equal in_size'
        return x


def unpack_frames(x):
    _, _, channels, _, _ = x.size()
    return channels


@pytest.mark.parametrize('network, message', [
    (TwoInputs(), r'^TwoInputs cannot be .*: it needs more than an image \(x, coord, cell\)\. Ex'),
    (OneSize(), r'takes images of 16x16 px only'),
    (Net(unpack_frames), r'on an image of 8x8 px it fails \(ValueError: not enough values to unp'),
    (Net(lambda x: [x, x]), r'it makes a list of an image'),
    (Net(lambda x: x[:, :1]), r'it makes \(1, 1, 8, 8\) of \(1, 3, 8, 8\), which is no RGB image'),
    (Net(lambda x: x[..., 2:, 2:]), r'makes \(1, 3, 6, 6\) .* not enlarged by a whole number'),
    (Net(lambda x: x.repeat(1, 1, 1, 2)), r'makes \(1, 3, 8, 16\) .* not enlarged by a whole num'),
    (Net(lambda x: {}[0]), r'it fails \(KeyError: 0\)'),
    (Net(nn.Conv2d(1, 3, 3)), 'it fails .RuntimeError: .*expected input.* to have 1 channels'),
])
def test_what_makes_no_sr_image_is_refused(network, message):
    with pytest.raises(GeneratorError, match=message) as error:
        image_sizes_of(network)
    assert '\n' not in str(error.value)


def test_a_network_that_fails_on_small_images_only_is_taken():
    class Particular(Enlarging):
        def check(self, x):
            if min(x.shape[-2:]) < 100 or x.shape[-1] % 128:
                raise IndexError
            return x

    assert image_sizes_of(Particular()) == ImageSizes(2, 128, 128, 128)


def test_an_interrupt_is_none_of_the_networks_errors():
    with pytest.raises(KeyboardInterrupt):
        image_sizes_of(Raising(KeyboardInterrupt(), width=8))


UNFIT = {
    'glean/glean_x16_2xb8_cat': 'GLEANStyleGANv2 .* it needs images of the one size',
    'glean/glean_x8_2xb8_cat': 'GLEANStyleGANv2 .* it needs images of the one size',
    'liif/liif-edsr-norm_c64b16_1xb16-1000k_div2k': 'LIIFEDSRNet .* needs the coordinates',
    'liif/liif-rdn-norm_c64b16_1xb16-1000k_div2k': 'LIIFRDNNet .* needs the coordinates',
    'ttsr/ttsr-gan_x4c64b16_1xb9-500k_CUFED': 'TTSRNet .* needs a reference image',
    'dic/dic_gan-x8c48b6_4xb2-500k_celeba-hq': 'DICNet .* needs faces',
    'singan/singan_balloons': 'SinGANMultiScaleGenerator .* needs noise for each',
    'basicvsr/basicvsr_2xb4_reds4': 'BasicVSRNet .* needs a sequence of video frames',
    'basicvsr_pp/basicvsr-pp_c64n7_8xb1-600k_reds4': 'BasicVSRPlusPlusNet .* needs a sequence',
    'edvr/edvrm_8xb4-600k_reds': 'EDVRNet .* needs a sequence',
    'iconvsr/iconvsr_2xb4_reds4': 'IconVSRNet .* needs a sequence',
    'real_basicvsr/realbasicvsr_c64b20-1x30x8_8xb1-lr5e-5-150k_reds': 'RealBasicVSRNet .* seque',
    'tdan/tdan_x4_8xb16-lr1e-4-400k_vimeo90k-bd': 'TDANNet .* needs a sequence',
    'cain/cain_g1b32_1xb5_vimeo90k-triplet': 'CAINNet .* needs the video frames before and after',
    'flavr/flavr_in4out1_8xb4_vimeo90k-septuplet': 'FLAVRNet .* needs the video frames before',
}


@pytest.mark.parametrize('name', UNFIT)
def test_those_of_mmagic_that_need_more_are_refused_before_they_are_built(name, tmp_path):
    """Some would fetch weights; nor is the checkpoint looked at."""
    pytest.importorskip('mmagic')
    with pytest.raises(GeneratorError, match=f'^{UNFIT[name]}.*Expected a network that'):
        load_upscaler(f'mmagic::{name}.py', tmp_path / 'no_such_file.pth')


def test_types_are_refused_by_any_of_their_names():
    for spec in ('DICNet', 'mmagic.DICNet', dict(type='mmagic.DICNet'),
                 type('DICNet', (nn.Module,), {})):
        with pytest.raises(GeneratorError, match='^DICNet cannot be used'):
            refuse_unfit_type(spec)
    for spec in ('RRDBNet', dict(type='RRDBNet'), nn.Conv2d, dict(), 'mmagic::x.py'):
        refuse_unfit_type(spec)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 20), st.integers(0, 20))
def test_padding_mirrors_at_the_right_and_lower_border(height, width, below, right):
    image = torch.rand(2, height, width)
    padded = pad_image(image, height + below, width + right)
    expected = image.numpy()
    for axis, more in ((1, below), (2, right)):
        mirrored = min(more, expected.shape[axis] - 1)
        for part, mode in ((mirrored, 'reflect'), (more - mirrored, 'edge')):
            pad = [(0, 0)] * 3
            pad[axis] = (0, part)
            expected = np.pad(expected, pad, mode) if part else expected
    np.testing.assert_array_equal(padded.numpy(), expected)
    assert (padded is image) == (not below and not right)
    assert pad_image(image.byte(), height + below, width + right).dtype == torch.uint8
