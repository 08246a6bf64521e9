"""Weights are written as a file holds others of the same network."""
from __future__ import annotations

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mmdesra.generators import build_generator, load_generator
from mmdesra.generators.checkpoint import CheckpointError
from mmdesra.generators.same_layout import suffix_like, write_like

SPEC = dict(type='SRResNet', mid_channels=4, num_blocks=1, upscale_factor=2)


@pytest.fixture
def before():
    torch.manual_seed(0)
    return build_generator(SPEC).state_dict()


@pytest.fixture
def after():
    torch.manual_seed(1)
    return build_generator(SPEC).state_dict()


def cure(tmp_path, content, after):
    source, target = tmp_path / 'source.pth', tmp_path / 'cured.pth'
    torch.save(content, source)
    write_like(source, after, target)
    loaded = load_generator(SPEC, target).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in after.items())
    return torch.load(target, weights_only=True)


@pytest.mark.parametrize('key', ['params', 'params_ema', 'state_dict', 'model', None])
def test_keys_stay(tmp_path, before, after, key):
    content = before if key is None else {key: before, 'iter': 7, 'note': 'x'}
    cured = cure(tmp_path, content, after)
    assert cured.keys() == content.keys()
    if key:
        assert cured['iter'] == 7 and cured['note'] == 'x'
        assert list(cured[key]) == list(before)


def test_both_sets_get_the_weights(tmp_path, before, after):
    other = {name: value * 2 if value.is_floating_point() else value
             for name, value in before.items()}
    cured = cure(tmp_path, dict(params=other, params_ema=before), after)
    for key in ('params', 'params_ema'):
        assert torch.equal(cured[key]['tail.weight'], after['tail.weight'])


def test_a_whole_model_of_mmagics(tmp_path, before, after):
    state = {f'{role}.{name}': value.clone() for role in ('generator', 'generator_ema')
             for name, value in before.items()}
    judge = torch.ones(3)
    cured = cure(tmp_path, dict(
        meta=dict(iter=5), state_dict={**state, 'discriminator.fc.weight': judge},
        optimizer=dict(state={}, param_groups=[dict(lr=1.)])), after)
    assert cured['meta'] == dict(iter=5) and 'optimizer' not in cured
    assert torch.equal(cured['state_dict']['discriminator.fc.weight'], judge)
    for role in ('generator', 'generator_ema'):
        assert torch.equal(cured['state_dict'][f'{role}.tail.weight'], after['tail.weight'])


def test_precision_stays(tmp_path, before, after):
    half = {name: value.half() if value.is_floating_point() else value
            for name, value in before.items()}
    source, target = tmp_path / 'half.pth', tmp_path / 'cured.pth'
    torch.save(dict(params=half), source)
    write_like(source, after, target)
    cured = torch.load(target, weights_only=True)['params']
    assert cured['tail.weight'].dtype == torch.float16
    assert torch.equal(cured['tail.weight'], after['tail.weight'].half())


def test_safetensors_by_content(tmp_path, before, after):
    source = tmp_path / 'model.pth'  # whatever it is called
    save_file({name: value.clone() for name, value in before.items()}, source,
              dict(format='pt', author='somebody'))
    assert suffix_like(source) == '.safetensors'
    target = tmp_path / 'cured.safetensors'
    write_like(source, after, target)
    with safe_open(target, 'pt') as file:
        assert file.metadata()['author'] == 'somebody'
        assert torch.equal(file.get_tensor('tail.weight'), after['tail.weight'])


def test_another_network_is_refused(tmp_path, before):
    torch.save(dict(params=before), tmp_path / 'a.pth')
    other = build_generator(dict(SPEC, num_blocks=2)).state_dict()
    with pytest.raises(CheckpointError, match='another network'):
        write_like(tmp_path / 'a.pth', other, tmp_path / 'b.pth')
    assert not (tmp_path / 'b.pth').exists()
