"""tools/convert_checkpoint.py: the file that others load, and the way back, bit for bit."""
from __future__ import annotations

import errno
import os
from pathlib import Path

import command_lines
import pytest
import torch
from basicsr_unet import random_state
from mmengine.runner.checkpoint import load_checkpoint
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from test_basicsr_keys import BASICSR, ESRGAN, FIRST_ESRGAN, MMAGIC_UNET
from torch import nn

from mmdesra.generators import CheckpointError, build_generator
from mmdesra.generators.convert import convert_checkpoint

TOOL = 'convert_checkpoint.py'


def rrdbnet(names=BASICSR, seed=0, dtype=torch.float32):
    """The state of an RRDBNet with 4 channels, 2 blocks and a growth of 32 under these names."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, basicsr in zip(names, BASICSR):
        layer = basicsr.rsplit('.', 2)[-2]
        number = int(layer[4:]) if layer[4:].isdigit() else 0
        before = 4 + 32 * (number - 1) if number else 3 if layer == 'conv_first' else 4
        after = 32 if 1 <= number < 5 else 3 if layer == 'conv_last' else 4
        shape = (after, before, 3, 3) if name.endswith('weight') else (after,)
        state[name] = (torch.randn(shape, generator=generator) / 10).to(dtype)
    return state


def prefixed(prefix, state):
    return {prefix + name: value for name, value in state.items()}


def iteration(generator, ema, discriminator):
    """What mmengine writes in training, without its log."""
    state = {**prefixed('generator.', generator), **prefixed('generator_ema.', ema),
             **prefixed('discriminator.', dict(zip(MMAGIC_UNET, discriminator.values()))),
             'step_counter': torch.tensor(3)}
    return dict(meta=dict(iter=3), state_dict=state, optimizer={}, param_schedulers=[])


TRAINED, EMA, JUDGE = rrdbnet(seed=1), rrdbnet(seed=2), random_state()


@pytest.fixture
def trained(tmp_path):
    torch.save(iteration(TRAINED, EMA, JUDGE), tmp_path / 'iter_3.pth')
    return tmp_path / 'iter_3.pth'


def read(path):
    return torch.load(path, weights_only=True)


def assert_same(state, wanted):
    assert set(state) == set(wanted)
    for name, value in wanted.items():
        assert torch.equal(state[name], value) and state[name].dtype == value.dtype, name


def test_the_ema_is_written_for_basicsr_and_comes_back(trained, tmp_path, capsys):
    before = trained.read_bytes()
    out = tmp_path / 'new folder' / 'net_g.pth'
    assert command_lines.call(TOOL, trained, out) == 0
    printed = capsys.readouterr().out
    assert f'{trained}: MMagic, generator_ema, not generator' in printed
    values = sum(value.numel() for value in EMA.values())
    assert f"{out}: RRDBNet, BasicSR's names, {len(EMA)} tensors, {values:,} values" in printed
    assert set(read(out)) == {'params_ema'}
    assert_same(read(out)['params_ema'], EMA)
    back = tmp_path / 'back.pth'
    assert command_lines.call(TOOL, out, back, '--to', 'mmagic') == 0
    assert_same(read(back)['state_dict'],
                {**prefixed('generator.', EMA), **prefixed('generator_ema.', EMA)})
    assert back.stat().st_size < 1.3 * out.stat().st_size  # each tensor once
    assert trained.read_bytes() == before


def test_safetensors_hold_the_bare_names(trained, tmp_path):
    out = tmp_path / 'net_g.safetensors'
    assert command_lines.call(TOOL, trained, out) == 0
    assert_same(load_file(out), EMA)
    with safe_open(out, 'pt') as file:
        assert file.metadata() == dict(format='pt')
    assert out.stat().st_mode == trained.stat().st_mode  # others may read it, too
    again = tmp_path / 'again.pth'
    assert command_lines.call(TOOL, out, again) == 0
    assert_same(read(again)['params_ema'], EMA)


def test_the_discriminator_goes_both_ways(trained, tmp_path):
    out, back = tmp_path / 'net_d.pth', tmp_path / 'back.pth'
    assert command_lines.call(TOOL, trained, out, '--role', 'discriminator') == 0
    assert set(read(out)) == {'params'}
    assert_same(read(out)['params'], JUDGE)
    assert command_lines.call(TOOL, out, back, '--role', 'discriminator', '--to', 'mmagic') == 0
    assert_same(read(back)['state_dict'],
                prefixed('discriminator.', dict(zip(MMAGIC_UNET, JUDGE.values()))))


@pytest.mark.parametrize('names', [BASICSR, ESRGAN, FIRST_ESRGAN])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
def test_any_names_become_basicsrs_in_the_same_precision(tmp_path, names, dtype):
    torch.save(rrdbnet(names, dtype=dtype), tmp_path / 'in.pth')
    done = convert_checkpoint(tmp_path / 'in.pth', tmp_path / 'out.safetensors')
    assert (done.layout, done.network) == ('bare state dict', 'RRDBNet')
    assert_same(load_file(tmp_path / 'out.safetensors'), rrdbnet(dtype=dtype))


def test_a_network_that_basicsr_lacks_keeps_its_names(tmp_path, capsys):
    state = build_generator(dict(type='SRResNet', mid_channels=4, num_blocks=1)).state_dict()
    torch.save(dict(params=state), tmp_path / 'in.pth')
    assert command_lines.call(TOOL, tmp_path / 'in.pth', tmp_path / 'out.pth') == 0
    assert 'a network that is not in our tables, names kept' in capsys.readouterr().out
    assert_same(read(tmp_path / 'out.pth')['params_ema'], state)


def test_only_the_network_is_written_of_a_view(tmp_path):
    large = torch.zeros(100_000)
    torch.save(dict(part=large[:4], turned=torch.rand(3, 4).T), tmp_path / 'in.pth')
    convert_checkpoint(tmp_path / 'in.pth', tmp_path / 'out.pth')
    convert_checkpoint(tmp_path / 'in.pth', tmp_path / 'out.safetensors')
    assert (tmp_path / 'in.pth').stat().st_size > 400_000
    assert (tmp_path / 'out.pth').stat().st_size < 10_000
    assert_same(load_file(tmp_path / 'out.safetensors'), read(tmp_path / 'in.pth'))


def test_spandrel_as_chainner_has_it_runs_what_was_trained_in_mmagic(tmp_path):
    pytest.importorskip('mmagic')
    spandrel = pytest.importorskip('spandrel')
    network = build_generator(dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=4,
                                   num_blocks=2, growth_channels=32))
    network.load_state_dict(EMA)
    torch.save(iteration(TRAINED, EMA, JUDGE), tmp_path / 'iter_3.pth')
    image = torch.rand(1, 3, 10, 12)
    with torch.no_grad():
        wanted = network(image).clamp(0, 1)
    assert wanted.std() > .01
    for name in ('out.pth', 'out.safetensors'):
        convert_checkpoint(tmp_path / 'iter_3.pth', tmp_path / name)
        model = spandrel.ModelLoader().load_from_file(tmp_path / name)
        assert (model.architecture.id, model.scale, model.tags) == ('ESRGAN', 4, ['4nf', '2nb'])
        torch.testing.assert_close(model(image).clone(), wanted)


def test_mmengine_loads_what_is_written_for_mmagic(tmp_path):
    torch.save(dict(params=JUDGE), tmp_path / 'net_d.pth')
    convert_checkpoint(tmp_path / 'net_d.pth', tmp_path / 'mmagic.pth', 'mmagic', 'discriminator')
    pytest.importorskip('mmagic')
    model = nn.ModuleDict(dict(discriminator=build_generator(
        dict(type='UNetDiscriminatorWithSpectralNorm', in_channels=3, mid_channels=4))))
    load_checkpoint(model, str(tmp_path / 'mmagic.pth'), map_location='cpu', strict=True)
    assert_same(model['discriminator'].state_dict(), dict(zip(MMAGIC_UNET, JUDGE.values())))


def test_a_named_generator_is_filled_first(tmp_path):
    torch.save(dict(params=EMA), tmp_path / 'in.pth')
    pytest.importorskip('spandrel')
    convert_checkpoint(tmp_path / 'in.pth', tmp_path / 'out.pth', 'mmagic', generator='spandrel')
    first = prefixed('generator.', dict(zip(FIRST_ESRGAN, EMA.values())))
    written = read(tmp_path / 'out.pth')['state_dict']
    assert_same({name: written[name] for name in first}, first)  # spandrel's own names


def write(folder, content):
    torch.save(content, folder / 'in.pth')
    return folder / 'in.pth'


MSRRESNETS = dict(BasicSR='upconv1.weight', MMagic='upsample1.upsample_conv.weight')
REFUSED = {
    'no file': (None, (), 'in.pth: no such checkpoint file'),
    'no weights': ({}, (), 'in.pth: holds no weights'),
    'an empty dict': (dict(params={}), (), 'in.pth: holds no weights'),
    'code': (dict(params=EMA, more=os.getcwd), (), 'in.pth: is damaged, or holds Python objects'),
    'suffix': (EMA, ('out.txt',), 'out.txt: expected a name that ends in .pth or .safetensors'),
    'MMagic in safetensors': (EMA, ('out.safetensors', '--to', 'mmagic'),
                              'out.safetensors: expected a name that ends in .pth'),
    'another generator': (EMA, ('out.pth', '--generator', 'SRResNet'),
                          'does not fit the generator SRResNet: missing: '),
    'no such generator': (EMA, ('out.pth', '--generator', 'Nothing'), 'unknown generator type'),
    'no discriminator': (dict(state_dict=prefixed('generator.', EMA)),
                         ('out.pth', '--role', 'discriminator'),
                         'expected the weights of a discriminator, got a model without any'),
    'a discriminator': (dict(params=JUDGE), ('out.pth', '--to', 'mmagic'),
                        ('expected a generator, got the discriminator UNetDiscriminatorSN '
                         '(--role discriminator)')),
    'a generator': (dict(params=EMA), ('out.pth', '--role', 'discriminator'),
                    'expected a discriminator, got the generator RRDBNet (--role generator)'),
    'a check of a discriminator': (dict(params=JUDGE), ('out.pth', '--role', 'discriminator',
                                                        '--generator', 'SRResNet'),
                                   'a generator was named to check a discriminator with'),
    "BasicSR's MSRResNet": ({MSRRESNETS['BasicSR']: torch.ones(1)}, ('out.pth', '--to', 'mmagic'),
                            "this is the MSRResNet of BasicSR, and MMagic's is another network"),
    "MMagic's MSRResNet": ({MSRRESNETS['MMagic']: torch.ones(1)}, (),
                           "this is the MSRResNet of MMagic, and BasicSR's is another network"),
    'itself': (EMA, ('in.pth', '--overwrite'), 'in.pth: is the file to convert'),
    'no suffix': (EMA, ('out',), 'expected a name that ends in'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_what_cannot_be_converted_is_one_line_and_leaves_nothing(tmp_path, capsys, case):
    content, arguments, message = REFUSED[case]
    out, *options = arguments or ('out.pth',)
    if content is not None:
        write(tmp_path, content)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert command_lines.call(TOOL, tmp_path / 'in.pth', tmp_path / out, *options) == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith('error: ') and error.count('\n') == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_that_is_there_is_replaced_only_on_demand(tmp_path, capsys):
    path, out = write(tmp_path, EMA), tmp_path / 'out.safetensors'
    save_file(dict(mine=torch.ones(1)), out)
    before = out.read_bytes()
    assert command_lines.call(TOOL, path, out) == 2
    assert 'out.safetensors: is there already' in capsys.readouterr().err
    assert out.read_bytes() == before
    assert command_lines.call(TOOL, path, out, '--overwrite') == 0
    assert_same(load_file(out), EMA)


def test_a_failure_while_writing_leaves_what_was_there(tmp_path, monkeypatch):
    path, out = write(tmp_path, EMA), write(tmp_path, EMA).with_name('out.pth')
    out.write_bytes(b'mine')

    def fail(file, content):
        file.open('wb').write(content[:99])
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch, pytest.raises(
            OSError, match='out.pth: cannot be written .No space left on device.; free some'):
        patch.setattr(Path, 'write_bytes', fail)
        convert_checkpoint(path, out, overwrite=True)
    assert out.read_bytes() == b'mine'
    assert {file.name for file in tmp_path.iterdir()} == {'in.pth', 'out.pth'}


def test_the_tool_runs_on_its_own_and_explains_itself():
    done = command_lines.run_anew(TOOL, '--help')
    assert done.returncode == 0, done.stderr
    assert '--to' in done.stdout and 'Exit code' in done.stdout


@pytest.mark.parametrize('change', [lambda tensor: tensor.to_sparse(),
                                    lambda tensor: tensor.to('meta')])
def test_what_is_no_plain_tensor_is_named(tmp_path, change):
    name = next(iter(EMA))
    path = write(tmp_path, dict(EMA, **{name: change(EMA[name])}))
    with pytest.raises(CheckpointError, match=f'in.pth .*expected plain tensors, got .*{name}'):
        convert_checkpoint(path, tmp_path / 'out.pth')
    assert not (tmp_path / 'out.pth').exists()
