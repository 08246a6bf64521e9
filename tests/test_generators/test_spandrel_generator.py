"""Networks that spandrel recognises, against spandrel's own call of them."""
from __future__ import annotations

import sys
from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner.checkpoint import get_state_dict, load_state_dict
from torch import nn

import mmdesra  # noqa: F401  (registers the types; and spandrel needs its mend of torchvision)
from mmdesra.errors import InputError
from mmdesra.generators import (
    CheckpointError,
    Upscaler,
    build_generator,
    fingerprint,
    load_generator,
    load_weights,
)
from mmdesra.generators.spandrel_generator import SpandrelGenerator
from mmdesra.generators.spandrel_misfit import explain_misfit

spandrel = pytest.importorskip('spandrel')
SIZES = [(16, 24), (17, 21), (5, 3)]


def random_network(architecture, **sizes):
    """One of spandrel's networks with weights that show in its output."""
    from spandrel import architectures
    __import__(f'spandrel.architectures.{architecture}')
    package = getattr(architectures, architecture)
    torch.manual_seed(0)
    network = getattr(package, architecture)(**sizes)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=.1)
    return network


def compact(channels=3, scale=4):
    return random_network('Compact', num_in_ch=channels, num_out_ch=channels, num_feat=4,
                          num_conv=2, upscale=scale)


NETWORKS = {
    'Compact': (compact, 4),  # Real-ESRGAN's general and animation models
    'SPAN': (lambda: random_network('SPAN', num_in_ch=3, num_out_ch=3, feature_channels=4,
                                    upscale=2), 2),  # has other weights in evaluation
    'SwinIR': (lambda: random_network('SwinIR', img_size=16, embed_dim=8, depths=[2],
                                      num_heads=[2], window_size=8, mlp_ratio=2, upscale=2,
                                      upsampler='pixelshuffle'), 2),  # wants 16 px
    'ESRGAN': (lambda: random_network('ESRGAN', in_nc=12, num_filters=4, num_blocks=2, scale=4,
                                      shuffle_factor=2), 2),  # wants a multiple of 4
}


@pytest.fixture(scope='module', params=NETWORKS)
def case(request, tmp_path_factory):
    """A network's file, its state, and spandrel's call of it."""
    make, scale = NETWORKS[request.param]
    path = tmp_path_factory.mktemp(request.param) / 'weights.pth'
    state = make().state_dict()
    torch.save(dict(params_ema=state), path)
    return SimpleNamespace(path=path, state=state, scale=scale, call=spandrel.ModelLoader(
    ).load_from_state_dict(deepcopy(dict(state))))


@pytest.mark.parametrize('size', SIZES)
def test_images_of_any_size_are_spandrels(case, size):
    image = torch.rand(1, 3, *size)
    generator = SpandrelGenerator(case.path).eval()
    result = generator(image)
    assert result.shape == (1, 3, size[0] * case.scale, size[1] * case.scale)
    assert result.std() > .01
    torch.testing.assert_close(result.clamp(0, 1), case.call(image).clone())
    assert generator.upscale_factor == case.scale
    assert case.call.architecture.name in repr(generator)


def test_tiles_leave_no_trace(case):
    """At the border of a window of SwinIR, and of a fold of ESRGAN, other pixels meet."""
    image = torch.randint(0, 255, (45, 91, 3), generator=torch.Generator().manual_seed(0))
    generator, lq = SpandrelGenerator(case.path), image.byte().numpy()
    whole, tiles = (Upscaler(generator, tile, tile_pad=28)(lq).astype(int) for tile in (0, 11))
    assert whole.shape == (45 * case.scale, 91 * case.scale, 3)
    assert whole.std() > 10
    assert abs(whole - tiles).max() <= 1


def test_batches_are_batches_of_images(case):
    images = torch.rand(2, 3, 10, 14)
    generator = SpandrelGenerator(case.path).eval()
    torch.testing.assert_close(generator(images), torch.cat(
        [generator(images[:1]), generator(images[1:])]))


def test_it_trains(case):
    """A small step against the gradient takes off what the gradient promises."""
    images, wanted = torch.rand(2, 3, 9, 16), torch.rand(2, 3, 9 * case.scale, 16 * case.scale)
    generator = SpandrelGenerator(case.path)
    assert generator.training and all(module.training for module in generator.modules())

    def loss(train):
        torch.manual_seed(0)  # SwinIR drops paths at random
        return nn.functional.mse_loss(generator.train(train)(images), wanted)

    before, evaluated = loss(train=True), loss(train=False).item()
    before.backward()
    trained = [value for value in generator.parameters() if value.grad is not None]
    assert len(trained) > .7 * len(list(generator.parameters()))
    slope = sum(value.grad.square().sum().item() for value in trained)
    with torch.no_grad():
        for value in trained:
            value -= .001 * before.item() / slope * value.grad
    assert (before - loss(train=True)).item() == pytest.approx(.001 * before.item(), rel=.3)
    assert loss(train=False).item() < evaluated  # also where evaluation has folded weights
    loss(train=True).backward()


def test_it_upscales_while_it_trains(case):
    generator = SpandrelGenerator(case.path)
    sr = Upscaler(generator, tile=8)(torch.randint(0, 255, (12, 15, 3)).byte().numpy())
    assert sr.shape == (12 * case.scale, 15 * case.scale, 3)
    assert generator.training
    generator(torch.rand(1, 3, 8, 8)).mean().backward()


def test_its_weights_have_the_names_of_the_network(case, tmp_path):
    generator = SpandrelGenerator(case.path)
    state = generator.state_dict()
    assert set(state) == set(case.state)
    for name, value in case.state.items():
        assert torch.equal(state[name], value), name
    torch.save(state, tmp_path / 'own.pth')
    other = SpandrelGenerator(case.path)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    copy = deepcopy(other)
    other.load_state_dict(state)
    load_weights(copy, tmp_path / 'own.pth')
    assert fingerprint(other) == fingerprint(copy) == fingerprint(generator)
    with pytest.raises(RuntimeError, match='Missing key'):
        other.load_state_dict({})
    with pytest.raises(RuntimeError, match='Unexpected key'):
        other.load_state_dict(dict(state, more=torch.ones(1)))


def test_inside_a_model_its_weights_have_one_prefix(case):
    """With PyTorch's saving and loading and with mmengine's, which are written separately."""
    model = nn.ModuleDict(dict(generator=SpandrelGenerator(case.path)))
    wanted = {f'generator.{name}' for name in model['generator'].state_dict()}
    assert set(model.state_dict()) == set(get_state_dict(model)) == wanted
    state = {name: value.clone() for name, value in get_state_dict(model).items()}
    before = fingerprint(model)
    for load in (lambda: model.load_state_dict(state),
                 lambda: load_state_dict(model, state, strict=True)):
        for parameter in model.parameters():
            nn.init.zeros_(parameter)
        assert fingerprint(model) != before
        load()
        assert fingerprint(model) == before


def test_a_whole_mmagic_model_tells_the_generator_too(case, tmp_path):
    state = {f'{name}.{key}': value + (name == 'generator') for key, value in case.state.items()
             for name in ('generator_ema', 'generator') if value.is_floating_point()}
    state.update({f'generator_ema.{key}': value for key, value in case.state.items()})
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'iter_3.pth')
    assert fingerprint(load_generator('spandrel', tmp_path / 'iter_3.pth')) == fingerprint(
        SpandrelGenerator(case.path))


@pytest.mark.parametrize('prefix', ['module.', '_orig_mod.', 'netG.', 'model.', 'net_g.'])
def test_what_scripts_write_before_its_names_is_known_by_the_architecture(tmp_path, prefix):
    state = compact().state_dict()
    torch.save(dict(state_dict={prefix + name: value for name, value in state.items()}),
               tmp_path / 'prefixed.ckpt')
    generator = load_generator('spandrel', tmp_path / 'prefixed.ckpt')
    assert generator.architecture == 'RealESRGAN Compact'
    assert all(torch.equal(value, state[name]) for name, value in generator.state_dict().items())


def test_which_set_was_taken_is_said(tmp_path, caplog):
    state = compact().state_dict()
    torch.save({'params': compact().state_dict(), 'params-ema': state}, tmp_path / 'both.pth')
    generator = load_generator('spandrel', tmp_path / 'both.pth')
    assert all(torch.equal(value, state[name]) for name, value in generator.state_dict().items())
    [record] = caplog.records
    assert record.getMessage() == f"{tmp_path / 'both.pth'}: BasicSR, params-ema, not params"


def test_names_by_which_it_is_built(case):
    wanted = fingerprint(SpandrelGenerator(case.path))
    spec = dict(type='SpandrelGenerator', checkpoint=str(case.path))
    for generator in (load_generator('spandrel', case.path),
                      load_generator(dict(type='SpandrelGenerator'), case.path),
                      load_generator(spec, case.path), build_generator(spec)):
        assert isinstance(generator, SpandrelGenerator) and not generator.training
        assert fingerprint(generator) == wanted
    assert fingerprint(MODELS.build(Config(dict(generator=spec)).generator)) == wanted


@pytest.mark.parametrize('spec', ['spandrel', 'SpandrelGenerator', dict(type='SpandrelGenerator')])
def test_without_a_checkpoint_it_cannot_be_built(spec):
    with pytest.raises(InputError, match=r"name one: dict\(type='SpandrelGenerator', checkpoint="):
        build_generator(spec)


def test_weights_of_another_size_do_not_fill_it(tmp_path):
    for name, scale in (('x4', 4), ('x2', 2)):
        torch.save(compact(scale=scale).state_dict(), tmp_path / f'{name}.pth')
    spec = dict(type='SpandrelGenerator', checkpoint=str(tmp_path / 'x4.pth'))
    with pytest.raises(CheckpointError, match=r'x2\.pth .* of another shape: body\.6\.weight'):
        load_generator(spec, tmp_path / 'x2.pth')


def test_half_precision_is_read_into_single(tmp_path):
    torch.save(compact().half().state_dict(), tmp_path / 'half.pth')
    generator = SpandrelGenerator(tmp_path / 'half.pth')
    assert {value.dtype for value in generator.state_dict().values()} == {torch.float32}


def fdncnn():
    """Takes a noise level beside the image, which spandrel adds."""
    return random_network('DnCNN', in_nc=4, out_nc=3, nc=4, nb=8, act_mode='R', mode='FDnCNN')


def mix_dehaze_net():
    """Its images are in [-1, 1]; spandrel's call takes them to [0, 1]."""
    return random_network('MixDehazeNet', embed_dims=[8, 16, 16, 16, 8])


def incomplete():
    return {name: value for name, value in compact().state_dict().items() if name != 'body.2.bias'}


def extended():
    return dict(compact().state_dict(), **{f'body.{place}.extra': torch.ones(1)
                                           for place in (3, 4)})


def rrdbnet(**changes):
    """One whose names spandrel changes before it loads them."""
    from mmagic.models.editors.esrgan.rrdb_net import RRDBNet
    state = RRDBNet(3, 3, mid_channels=16, num_blocks=1, growth_channels=32).state_dict()
    state.update(changes)
    return {name: value for name, value in state.items() if value is not None}


def diverged_rrdbnet():
    return rrdbnet(**{'conv_hr.bias': torch.full((16,), torch.nan)})


def reshaped():
    return dict(compact().state_dict(), **{'body.2.bias': torch.ones(5)})


def diverged():
    state = compact().state_dict()
    state['body.2.bias'][0] = torch.nan
    return state


@pytest.mark.parametrize('make, message', [
    (diverged, 'holds NaN or infinity in body.2.bias; its training diverged'),
    (lambda: {'stem.weight': torch.ones(1), 'stem.bias': torch.ones(1)},
     r'no architecture that spandrel knows \(its names: stem.weight, stem.bias\); name a config'),
    (dict, 'holds no weights'),
    (incomplete, 'resembles an arch.* but does not fit it: missing: body.2.bias$'),
    (extended, r'does not fit it: unexpected: body.3.extra, body.4.extra$'),
    (reshaped, r'fit it: of another shape: body.2.bias \(\(5,\) instead of \(4,\)\)$'),
    (lambda: rrdbnet(**{'conv_body.bias': None}), 'does not fit it: missing: conv_body.bias$'),
    (lambda: rrdbnet(**{'body.0.rdb2.conv3.bias': torch.ones(5)}),
     r'of another shape: body.0.rdb2.conv3.bias \(\(5,\) instead of \(32,\)\)$'),
    (lambda: rrdbnet(**{'conv_body2.bias': torch.ones(1)}), 'unexpected: conv_body2.bias$'),
    (diverged_rrdbnet, 'holds NaN or infinity in conv_hr.bias; its training diverged'),
    (lambda: compact(channels=1).state_dict(), 'got RealESRGAN Compact .SR, 1 to 1 channels'),
    (lambda: fdncnn().state_dict(), 'DnCNN, whose result is not simply its output'),
    (lambda: mix_dehaze_net().state_dict(), 'MixDehazeNet, whose result is not simply its'),
])
def test_what_cannot_be_a_generator_is_an_error(tmp_path, make, message):
    torch.save(make(), tmp_path / 'weights.pth')
    with pytest.raises(CheckpointError, match=rf'weights\.pth.*{message}'):
        load_generator('spandrel', tmp_path / 'weights.pth')


@pytest.mark.parametrize('error, message', [
    (KeyError('body.0.weight'), 'missing: body.0.weight'),  # it read a size from it
    (IndexError('list index out of range'),
     'IndexError: list index out of range; its names begin with a, b'),
    (AssertionError(), 'AssertionError; its names begin with a, b')])
def test_what_its_architectures_raise_is_told_by_names(error, message):
    assert explain_misfit(error, ['a', 'b']) == message


def test_without_spandrel_the_error_says_what_to_install(case, monkeypatch):
    monkeypatch.setitem(sys.modules, 'spandrel', None)
    with pytest.raises(CheckpointError, match='needs spandrel .*: pip install spandrel'):
        load_generator('spandrel', case.path)
