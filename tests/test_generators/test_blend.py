"""Weights between two checkpoints: values, layouts, and what is refused."""
from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_basicsr_keys import BASICSR, ESRGAN, FIRST_ESRGAN
from test_convert_checkpoint import iteration, prefixed, rrdbnet

from mmdesra.errors import InputError
from mmdesra.generators import CheckpointError, build_generator, load_weights
from mmdesra.generators.blend import between, blend_checkpoints
from mmdesra.models import SRResNet

BEFORE, AFTER = rrdbnet(seed=1), rrdbnet(seed=2)
HALFWAY = {name: .3 * BEFORE[name] + .7 * AFTER[name] for name in BEFORE}


@pytest.fixture
def save(tmp_path):
    def write(content, name):
        (save_file if name.endswith('safetensors') else torch.save)(content, tmp_path / name)
        return tmp_path / name
    return write


def read(path):
    return torch.load(path, weights_only=True)


def assert_close(state, wanted):
    assert set(state) == set(wanted)
    for name, value in wanted.items():
        torch.testing.assert_close(state[name], value, atol=1e-7, rtol=1e-5)


LAYOUTS = {
    'bare': (lambda state: state, lambda content: content),
    'params': (lambda state: dict(params=state), lambda content: content['params']),
    'params and params_ema': (
        lambda state: dict(params=rrdbnet(seed=9), params_ema=state),
        lambda content: content['params_ema']),
    'MMagic': (
        lambda state: iteration(rrdbnet(seed=9), state, {}),
        lambda content: {name.removeprefix('generator_ema.'): value for name, value
                         in content['state_dict'].items() if 'generator_ema.' in name}),
    'data-parallel': (
        lambda state: dict(state_dict=prefixed('module.', state)),
        lambda content: {name.removeprefix('module.'): value
                         for name, value in content['state_dict'].items()}),
    'nested': (lambda state: dict(model=dict(netG=state), epoch=3),
               lambda content: content['model']['netG']),
}


@pytest.mark.parametrize('first', LAYOUTS)
@pytest.mark.parametrize('second', ['bare', 'MMagic', 'params and params_ema'])
def test_the_result_has_the_layout_of_the_first(save, tmp_path, first, second):
    before = save(LAYOUTS[first][0](BEFORE), 'before.pth')
    after = save(LAYOUTS[second][0](AFTER), 'after.pth')
    done = blend_checkpoints(before, after, tmp_path / 'new/out.pth', .7)
    content = read(tmp_path / 'new/out.pth')
    assert_close(LAYOUTS[first][1](content), HALFWAY)
    assert {*content} <= {*LAYOUTS[first][0](BEFORE)}
    assert done.tensors == done.changed == len(BEFORE)
    network = build_generator(dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=4,
                                   num_blocks=2, growth_channels=32))
    load_weights(network, tmp_path / 'new/out.pth')
    torch.testing.assert_close(network.state_dict()['conv_last.bias'], HALFWAY['conv_last.bias'])


def test_mmagic_gets_both_generators(save, tmp_path):
    before = save(LAYOUTS['MMagic'][0](BEFORE), 'before.pth')
    blend_checkpoints(before, save(AFTER, 'after.pth'), tmp_path / 'out.pth', .7)
    state = read(tmp_path / 'out.pth')['state_dict']
    assert_close(state, {**prefixed('generator.', HALFWAY), **prefixed('generator_ema.', HALFWAY)})


@pytest.mark.parametrize('names', [ESRGAN, FIRST_ESRGAN])
def test_names_of_other_code_bases_are_matched(save, tmp_path, names):
    before = save(dict(zip(names, BEFORE.values())), 'before.pth')
    after = save(dict(params=AFTER), 'after.pth')
    blend_checkpoints(before, after, tmp_path / 'a.pth', .7)
    assert_close(read(tmp_path / 'a.pth'), dict(zip(names, HALFWAY.values())))
    blend_checkpoints(after, before, tmp_path / 'b.pth', .3)
    assert_close(read(tmp_path / 'b.pth')['params'], HALFWAY)


@pytest.mark.parametrize('strength, wanted', [(0, BEFORE), (1, AFTER)])
def test_the_ends_are_the_two_bit_for_bit(save, tmp_path, strength, wanted):
    before, after = save(BEFORE, 'before.pth'), save(AFTER, 'after.pth')
    blend_checkpoints(before, after, tmp_path / 'out.pth', strength)
    state = read(tmp_path / 'out.pth')
    assert all(torch.equal(state[name], wanted[name]) for name in wanted)


def test_safetensors_in_and_out(save, tmp_path):
    before, after = save(BEFORE, 'before.safetensors'), save(dict(params=AFTER), 'after.pth')
    blend_checkpoints(before, after, tmp_path / 'out.safetensors', .7)
    assert_close(load_file(tmp_path / 'out.safetensors'), HALFWAY)


def test_counters_are_those_of_the_second_and_precision_is_the_finer(save, tmp_path):
    networks = [SRResNet(mid_channels=4, num_blocks=1) for _ in range(2)]
    networks[1].fusion[1].num_batches_tracked.fill_(5)
    before = save(networks[0].half().state_dict(), 'before.pth')
    after = save(networks[1].state_dict(), 'after.pth')
    blend_checkpoints(before, after, tmp_path / 'out.pth', .5)
    state = read(tmp_path / 'out.pth')
    assert state['fusion.1.num_batches_tracked'] == 5
    assert state['head.0.weight'].dtype == torch.float32


def test_what_is_equal_stays_also_where_it_is_infinite():
    """Such as a mask of a network of one's own."""
    mask = torch.tensor([0., -torch.inf])
    for strength in (0., .3, 1.):
        torch.testing.assert_close(between('mask', mask, mask.clone(), strength), mask)
    torch.testing.assert_close(between('x', torch.zeros(2), torch.full((2,), 2.), .25),
                               torch.full((2,), .5))


def test_a_counter_that_an_old_file_lacks_is_no_difference(save, tmp_path):
    state = SRResNet(mid_channels=4, num_blocks=1).state_dict()
    old = {name: value for name, value in state.items() if 'tracked' not in name}
    paths = save(state, 'a.pth'), save(old, 'b.pth')
    for first, second, wanted in ((*paths, state), (*reversed(paths), old)):
        blend_checkpoints(first, second, tmp_path / 'out.pth', .5, overwrite=True)
        assert set(read(tmp_path / 'out.pth')) == set(wanted)


def test_masks_of_attention_may_have_any_size(save, tmp_path):
    states = [{**BEFORE, 'layers.0.attn_mask': torch.zeros(side, 4, 4)} for side in (2, 3)]
    blend_checkpoints(save(states[0], 'a.pth'), save(states[1], 'b.pth'), tmp_path / 'o.pth', .5)
    assert read(tmp_path / 'o.pth')['layers.0.attn_mask'].shape == (3, 4, 4)


def test_the_same_weights_are_said(save, tmp_path, caplog):
    before, after = save(BEFORE, 'a.pth'), save(dict(params=BEFORE), 'b.pth')
    assert blend_checkpoints(before, after, tmp_path / 'out.pth', .5).changed == 0
    assert 'hold the same weights' in caplog.text


def test_other_networks_are_refused_by_the_names_that_differ(save, tmp_path):
    before = save(BEFORE, 'a.pth')
    less = {name: value for name, value in AFTER.items() if name != BASICSR[3]}
    wider = {**AFTER, 'conv_last.weight': torch.zeros(3, 8, 3, 3), 'more.weight': torch.zeros(1)}
    other = SRResNet(mid_channels=4, num_blocks=1).state_dict()
    reshaped = r'of another shape: conv_last.weight \(\(3, 8, 3, 3\) instead of \(3, 4, 3, 3\)\)'
    for state, names in ((less, f'missing: {BASICSR[3]}'),
                         (wider, f'unexpected: more.weight; {reshaped}'),
                         (other, 'missing: conv_first.weight')):
        with pytest.raises(CheckpointError, match=f'another network than .*{names}'):
            blend_checkpoints(before, save(state, 'b.pth'), tmp_path / 'out.pth', .5)
    assert not (tmp_path / 'out.pth').exists()


@pytest.mark.parametrize('strength', [-.1, 1.1, float('nan'), float('inf')])
def test_a_strength_beyond_the_two_is_refused(save, tmp_path, strength):
    with pytest.raises(InputError, match='strength from 0 .* to 1'):
        blend_checkpoints(save(BEFORE, 'a.pth'), save(AFTER, 'b.pth'), tmp_path / 'o.pth',
                          strength)


def test_nothing_is_written_over_unless_it_is_asked_for(save, tmp_path):
    before, after = save(BEFORE, 'a.pth'), save(AFTER, 'b.pth')
    with pytest.raises(InputError, match='is read by this command'):
        blend_checkpoints(before, after, before, .5, overwrite=True)
    blend_checkpoints(before, after, tmp_path / 'out.pth', .5)
    with pytest.raises(CheckpointError, match='is there already'):
        blend_checkpoints(before, after, tmp_path / 'out.pth', .5)
    blend_checkpoints(before, after, tmp_path / 'out.pth', .6, overwrite=True)


def test_broken_weights_are_refused(save, tmp_path):
    broken = {**AFTER, 'conv_last.bias': torch.full((3,), torch.nan)}
    with pytest.raises(CheckpointError, match='b.pth .*NaN or infinity.* conv_last.bias'):
        blend_checkpoints(save(BEFORE, 'a.pth'), save(broken, 'b.pth'), tmp_path / 'o.pth', .5)
