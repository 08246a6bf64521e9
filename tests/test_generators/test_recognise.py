"""A network is told by its weights, whatever the layout."""
from __future__ import annotations

import pytest
import torch
from torch import nn

from mmdesra.generators import build_generator, load_generator
from mmdesra.generators.checkpoint import CheckpointError
from mmdesra.generators.recognise import generator_of_weights, recognise

SWINIR = dict(type='SwinIRNet', in_chans=3, img_size=16, window_size=8, img_range=1.0,
              depths=[2, 1], embed_dim=12, num_heads=[2, 3], mlp_ratio=2.0, qkv_bias=True,
              ape=False, patch_norm=True, resi_connection='1conv')


def rrdbnet(blocks, scale):
    return dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=8, num_blocks=blocks,
                growth_channels=4, upscale_factor=scale)


def srresnet(kind, scale, **more):
    return dict(type=kind, in_channels=3, out_channels=3, mid_channels=8, num_blocks=3,
                upscale_factor=scale, **more)


SPECS = [
    rrdbnet(3, 4), rrdbnet(2, 2), rrdbnet(1, 1),
    srresnet('MSRResNet', 4), srresnet('MSRResNet', 3), srresnet('MSRResNet', 2),
    srresnet('SRResNet', 4, norm_eval=True), srresnet('SRResNet', 2, norm_eval=True),
    dict(SWINIR, upscale=4, upsampler='nearest+conv'),
    dict(SWINIR, upscale=2, upsampler='nearest+conv'),
    dict(SWINIR, upscale=4, upsampler='pixelshuffle', window_size=4),
    dict(SWINIR, upscale=3, upsampler='pixelshuffle', resi_connection='3conv'),
    dict(SWINIR, upscale=2, upsampler='pixelshuffledirect', ape=True, mlp_ratio=4.0),
]
NAMES = [f'{spec["type"]} x{spec.get("upscale_factor", spec.get("upscale"))}' for spec in SPECS]


def layouts(state):
    ema = {f'generator_ema.{name}': value for name, value in state.items()}
    return {'params_ema': dict(params_ema=state, params=state), 'bare': state,
            'MMagic': dict(meta={}, state_dict={
                **{f'generator.{name}': value for name, value in state.items()}, **ema}),
            'data parallel': dict(params={f'module.{name}': value
                                          for name, value in state.items()})}


@pytest.mark.parametrize('spec', SPECS, ids=NAMES)
def test_what_was_built_is_recognised(spec, tmp_path):
    state = build_generator(spec).state_dict()
    for name, content in layouts(state).items():
        path = tmp_path / f'{name}.pth'
        torch.save(content, path)
        found = recognise(path)
        assert found.generator == spec, name
    load_generator(found.generator, path)  # and its weights fill it


def test_names_of_esrgans_first_release(tmp_path):
    spec = rrdbnet(2, 4)
    state = build_generator(spec).state_dict()

    def old(name):
        first, _, rest = name.partition('.')
        if first == 'body':
            return f'RRDB_trunk.{rest.replace("rdb", "RDB")}'
        former = dict(conv_body='trunk_conv', conv_up1='upconv1', conv_up2='upconv2',
                      conv_hr='HRconv')
        return f'{former.get(first, first)}.{rest}'

    torch.save({old(name): value for name, value in state.items()}, tmp_path / 'old.pth')
    assert recognise(tmp_path / 'old.pth').generator == spec


def test_a_network_that_differs_in_a_layer_is_no_such():
    state = dict(build_generator(rrdbnet(2, 4)).state_dict())
    assert generator_of_weights({**state, 'conv_up3.weight': torch.zeros(8, 8, 3, 3)}) is None
    assert generator_of_weights({**state, 'extra.weight': torch.zeros(1)}) is None
    del state['body.1.rdb2.conv3.bias']
    assert generator_of_weights(state) is None


def judge():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 1))


@pytest.mark.parametrize('content, message', [
    (dict(params=dict(build_generator(dict(
        type='UNetDiscriminatorWithSpectralNorm', in_channels=3)).state_dict())),
     'got those of the discriminator UNetDiscriminatorSN'),
    ({f'classifier.{name}': value for name, value in nn.Linear(4, 1).state_dict().items()},
     'got those of one that judges them'),
    (judge().state_dict(), 'no architecture that spandrel knows'),
    (dict(epoch=3), 'holds no weights'),
])
def test_what_enlarges_nothing_is_refused_in_a_line(content, message, tmp_path):
    path = tmp_path / 'other.pth'
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=message) as error:
        recognise(path)
    assert '\n' not in str(error.value)


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / 'half.pth'
    torch.save(dict(params=build_generator(rrdbnet(2, 4)).state_dict()), path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(CheckpointError, match='half.pth'):
        recognise(path)
