"""Weights of other code bases in MMagic's networks: the same numbers give the same images.

The others are spandrel's networks, which are written after the official ones, and a restatement
of Real-ESRGAN's discriminator.
"""
from __future__ import annotations

import pytest
import torch
from basicsr_unet import judge, random_state
from torch import nn

from mmdesra.generators import CheckpointError, build_generator, load_weights
from mmdesra.generators.basicsr_keys import to_basicsr, to_mmagic
from mmdesra.generators.same_layout import write_like

pytest.importorskip('mmagic')
UNET = dict(type='UNetDiscriminatorWithSpectralNorm', in_channels=3, mid_channels=4)
VGG = dict(type='ModifiedVGG', in_channels=3, mid_channels=2)
MSRRESNET = dict(type='MSRResNet', in_channels=3, out_channels=3, mid_channels=4, num_blocks=1)
SWINIR = dict(type='SwinIRNet', img_size=16, embed_dim=8, depths=[2, 2], num_heads=[2, 2],
              window_size=8, mlp_ratio=2)
SWINIRS = [dict(upsampler='nearest+conv', upscale=4),  # Real-world SR
           dict(upsampler='nearest+conv', upscale=4, resi_connection='3conv'),  # its large one
           dict(upsampler='pixelshuffle', upscale=2), dict(upsampler='pixelshuffledirect',
                                                           upscale=3)]


def rrdbnet(scale=4, num_blocks=2):
    return dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=4,
                num_blocks=num_blocks, growth_channels=32, upscale_factor=scale)


def randomised(spec, seed=0):
    """A network whose weights are large enough to show in its output."""
    torch.manual_seed(seed)
    network = build_generator(spec)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=.1)
    return network


def save(folder, state):
    torch.save(dict(params_ema=state), folder / 'weights.pth')
    return folder / 'weights.pth'


def run(network, image):
    with torch.no_grad():
        return network.eval()(image)


def spandrels(state):
    spandrel = pytest.importorskip('spandrel')
    return spandrel.ModelLoader().load_from_state_dict(dict(state)).model


@pytest.mark.parametrize('scale', [1, 2, 4])
def test_rrdbnet_under_basicsrs_names_and_those_of_esrgans_first_release(tmp_path, scale):
    image = torch.rand(1, 3, 12, 16)
    network, copy = randomised(rrdbnet(scale)), randomised(rrdbnet(scale), seed=1)
    state = network.state_dict()
    assert to_basicsr(state) == {name: name for name in state}
    official = spandrels(state)
    wanted = run(official, image)
    assert wanted.shape[-1] == 16 * scale and wanted.std() > .01
    torch.testing.assert_close(run(network, image), wanted)
    assert not torch.allclose(run(copy, image), wanted, atol=.01)
    # spandrel keeps the names of ESRGAN's first release.
    assert 'model.1.sub.0.RDB1.conv1.0.weight' in official.state_dict()
    layout = load_weights(copy, save(tmp_path, official.state_dict()))
    assert layout == 'BasicSR, params_ema, renamed'
    assert torch.equal(run(copy, image), run(network, image))


def test_cured_weights_load_strictly_into_spandrels_network(tmp_path):
    image = torch.rand(1, 3, 12, 16)
    before, after = randomised(rrdbnet()), randomised(rrdbnet(), seed=1)
    cured = tmp_path / 'cured.pth'
    write_like(save(tmp_path, before.state_dict()), after.state_dict(), cured)
    state = torch.load(cured, weights_only=True)['params_ema']
    assert [*state] == [*before.state_dict()]
    torch.testing.assert_close(run(spandrels(state), image), run(after, image))
    del state['conv_hr.bias']
    with pytest.raises(RuntimeError, match='Missing key'):  # it would have seen one
        spandrels(state)


@pytest.mark.parametrize('change', SWINIRS)
def test_swinir_under_its_official_names_whatever_the_size_of_its_patches(tmp_path, change):
    image = torch.rand(1, 3, 16, 24)
    network = randomised(dict(SWINIR, **change))
    wanted = run(spandrels(network.state_dict()), image)
    assert wanted.std() > .01
    torch.testing.assert_close(run(network, image), wanted)
    for img_size in (16, 32):
        copy = randomised(dict(SWINIR, **change, img_size=img_size), seed=1)
        assert load_weights(copy, save(tmp_path, network.state_dict())) == 'BasicSR, params_ema'
        assert torch.equal(run(copy, image), run(network, image))
    without_shifts = randomised(dict(SWINIR, **change, img_size=8))  # patches of one window
    with pytest.raises(CheckpointError, match=r'unexpected: layers\S+blocks\.1\.attn_mask'):
        load_weights(without_shifts, save(tmp_path, network.state_dict()))
    with pytest.raises(CheckpointError, match=r'missing: layers\S+blocks\.1\.attn_mask'):
        load_weights(network, save(tmp_path, without_shifts.state_dict()))


def test_unet_discriminator(tmp_path):
    """Twice in training mode, in which each call refines the spectral normalisation."""
    state = random_state()
    images = torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(1))
    discriminator = randomised(UNET)
    layout = load_weights(discriminator, save(tmp_path, state), role='discriminator')
    assert layout == 'BasicSR, params_ema, renamed'
    wanted = judge(state, images)
    assert wanted.std() > .1
    torch.testing.assert_close(run(discriminator, images), wanted, rtol=1e-4, atol=1e-4)
    discriminator.train()(images)
    after = discriminator.state_dict()
    back = {basicsr: after[name] for name, basicsr in to_basicsr(after).items()}
    assert set(back) == set(state)
    assert not torch.equal(back['conv1.weight_u'], state['conv1.weight_u'])
    torch.testing.assert_close(judge(back, images), run(discriminator, images), rtol=1e-4,
                               atol=1e-4)


def test_a_unet_discriminator_that_lacks_a_vector_is_refused(tmp_path):
    state = random_state()
    del state['conv3.weight_u']
    with pytest.raises(CheckpointError, match=r'missing: conv_3\.weight_u\. Is it'):
        load_weights(randomised(UNET), save(tmp_path, state), role='discriminator')


def test_vgg_style_discriminator_has_basicsrs_names_and_one_for_other_sizes_is_refused(tmp_path):
    parts = ['conv0_0.bias', 'linear1.weight', 'linear1.bias', 'linear2.weight', 'linear2.bias']
    norm = ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')
    for stage, half in [(stage, half) for stage in range(5) for half in (0, 1)]:
        parts.append(f'conv{stage}_{half}.weight')
        if (stage, half) != (0, 0):
            parts += [f'bn{stage}_{half}.{name}' for name in norm]
    discriminator = randomised(VGG)
    state = discriminator.state_dict()
    assert set(parts) == set(state)
    assert load_weights(discriminator, save(tmp_path, state), role='discriminator')
    for larger, message in [
            ({**state, 'conv5_0.weight': torch.ones(1)}, r'unexpected: conv5_0\.weight'),
            ({**state, 'linear1.weight': torch.ones(100, 16 * 36)}, r'another shape: linear1')]:
        with pytest.raises(CheckpointError, match=message):
            load_weights(discriminator, save(tmp_path, larger), role='discriminator')


def test_weights_of_the_other_msrresnet_are_refused_with_the_reason(tmp_path):
    network = randomised(MSRRESNET)
    assert to_mmagic(network.state_dict()) == {name: name for name in network.state_dict()}
    state = {name.replace('trunk_net', 'body').replace('sample', 'conv'): value
             for name, value in network.state_dict().items()}
    state = {name.replace('.upconv_conv', ''): value for name, value in state.items()}
    assert 'upconv2.bias' in state
    with pytest.raises(CheckpointError, match='. This is the MSRResNet of BasicSR, and MMagic'):
        load_weights(network, save(tmp_path, state))


@pytest.mark.parametrize('spec', [rrdbnet(), SWINIR, UNET, VGG])
def test_weights_of_another_network_are_refused_by_name(tmp_path, spec):
    for other in (rrdbnet(num_blocks=1), SWINIR, UNET, VGG):
        if other['type'] == spec['type'] != 'RRDBNet':
            continue
        network = randomised(spec)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        with pytest.raises(CheckpointError, match='does not fit .*missing: '):
            load_weights(network, save(tmp_path, randomised(other).state_dict()))
        assert all(torch.equal(value, before[name])
                   for name, value in network.state_dict().items())
