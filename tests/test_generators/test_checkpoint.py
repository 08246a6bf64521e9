from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from mmengine.logging import MessageHub
from safetensors.torch import save_file
from torch import nn

from mmdesra.generators import CheckpointError, fingerprint, load_weights, read_checkpoint


def tiny(seed, channels=12):
    torch.manual_seed(seed)
    network = nn.Sequential(OrderedDict(
        conv=nn.Conv2d(3, channels, 3), bn=nn.BatchNorm2d(channels), shuffle=nn.PixelShuffle(2)))
    nn.init.normal_(network.bn.running_mean)
    return network


def prefixed(prefix, state):
    return {prefix + name: value for name, value in state.items()}


def mmagic(*parts):
    """A checkpoint as mmengine's runner writes it, with its log."""
    hub = MessageHub.get_instance('test_checkpoint')
    hub.update_scalar('train/loss', 0.5)
    state = {'step_counter': torch.tensor(1), 'discriminator.conv.weight': torch.ones(2)}
    for part in parts:
        state.update(part)
    return dict(meta=dict(epoch=0, iter=3), state_dict=OrderedDict(state),
                message_hub=hub.state_dict(), optimizer=dict(state={0: dict(step=1)}))


WANTED, OTHER = tiny(1), tiny(2)
STATE, STALE = WANTED.state_dict(), OTHER.state_dict()
UNTRACKED = {name: value for name, value in STATE.items() if 'num_batches' not in name}
LAYOUTS = {
    'MMagic': (mmagic(prefixed('generator.', STATE)), 'MMagic, generator'),
    'MMagic, EMA first': (mmagic(prefixed('generator_ema.', STATE), prefixed('generator.', STALE)),
                          'MMagic, generator_ema, not generator'),
    'MMagic, EMA last': (mmagic(prefixed('generator.', STALE), prefixed('generator_ema.', STATE)),
                         'MMagic, generator_ema, not generator'),
    'MMagic, only the EMA': (mmagic(prefixed('generator_ema.', STATE)), 'MMagic, generator_ema'),
    'MMagic, part wrapped': (mmagic(prefixed('generator.module.', STATE)), 'MMagic, generator'),
    'MMagic, all wrapped': (mmagic(prefixed('module.generator.', STATE)), 'MMagic, generator'),
    'BasicSR, EMA': (dict(params=STALE, params_ema=STATE), 'BasicSR, params_ema, not params'),
    'BasicSR, only the EMA': (dict(params_ema=STATE), 'BasicSR, params_ema'),
    'BasicSR, wrapped': (dict(params=prefixed('module.', STATE)), 'BasicSR, params'),
    'BasicSR': (dict(params=STATE), 'BasicSR, params'),
    'state_dict': (dict(state_dict=STATE, epoch=3), 'state_dict'),
    'model_state_dict': (dict(model_state_dict=STATE, optimizer={}), 'model_state_dict'),
    'model': (dict(iteration=3, model=STATE), 'model'),
    'bare': (STATE, 'bare state dict'),
    'wrapped': (prefixed('module.', STATE), 'bare state dict'),
    'old batch norm': (UNTRACKED, 'bare state dict'),
    'double': ({name: value.double() for name, value in STATE.items()}, 'bare state dict'),
}


def save(folder, content):
    torch.save(content, folder / 'weights.pth')
    return folder / 'weights.pth'


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_layout_fills_the_whole_module(tmp_path, layout):
    content, name = LAYOUTS[layout]
    network = tiny(3)
    assert load_weights(network, str(save(tmp_path, content))) == name
    assert fingerprint(network) == fingerprint(WANTED)
    assert network.conv.weight.requires_grad and network.conv.weight.dtype == torch.float32


def test_safetensors_fill_the_whole_module(tmp_path):
    save_file(dict(STATE), tmp_path / 'weights.safetensors')
    network = tiny(3)
    load_weights(network, tmp_path / 'weights.safetensors')
    assert fingerprint(network) == fingerprint(WANTED)


def test_another_part_of_an_mmagic_model(tmp_path):
    content = mmagic(prefixed('critic.', STATE), prefixed('generator.', STALE))
    network = tiny(3)
    assert load_weights(network, save(tmp_path, content), role='critic') == 'MMagic, critic'
    assert fingerprint(network) == fingerprint(WANTED)


def without(*names):
    return {name: value for name, value in STATE.items() if name not in names}


WIDER = tiny(1, channels=16).state_dict()
MISFITS = {
    'missing': (without('conv.bias', 'bn.running_var'), 'missing: conv.bias, bn.running_var'),
    'unexpected': ({**STATE, 'tail.bias': torch.ones(1)}, 'unexpected: tail.bias'),
    'reshaped': (WIDER, r'of another shape: conv.weight \(\(16, 3, 3, 3\) instead of \(12, 3'),
    'renamed': (prefixed('body.', STATE), 'missing: conv.weight.*; unexpected: body.conv.weight'),
    'many': (prefixed('x.', STATE), r'unexpected: (x\.\S+, ){4}x\.\S+ and 2 more'),
    'half of MMagic': (mmagic(prefixed('generator.', without('conv.bias'))),
                       r'\(MMagic, generator\) .*: missing: conv.bias\.'),
    'BasicSR': (dict(params=without('conv.bias')), r'\(BasicSR, params\) .*missing: conv.bias'),
    'an empty part': (dict(state_dict={}), 'holds no weights, only state_dict'),
    'nothing': ({}, 'holds no weights'),
    'no tensors': (dict(epoch=3, params='none'), 'holds no weights'),
    'numbered': ({0: torch.ones(1)}, 'holds no weights'),
    'a list': ([torch.ones(1)], 'expected a dict of weights, got list'),
}


@pytest.mark.parametrize('misfit', MISFITS)
def test_less_than_a_full_match_is_an_error_and_changes_nothing(tmp_path, misfit):
    content, message = MISFITS[misfit]
    network = tiny(3)
    before = fingerprint(network)
    with pytest.raises(CheckpointError, match=rf'weights\.pth.*{message}'):
        load_weights(network, save(tmp_path, content))
    assert fingerprint(network) == before


class Malice:
    """Unpickled, it calls a function; the two below make a file."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('trap', [
    lambda path: Malice(open, str(path), 'w'),
    lambda path: Malice(Path.touch, path),  # pickled as a getattr of a class
])
@pytest.mark.parametrize('write', [
    torch.save,
    lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
    lambda content, path: path.write_bytes(pickle.dumps(content)),
    lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2)),
])
@pytest.mark.filterwarnings('ignore:Detected pickle protocol')
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, write, trap):
    path, sprung = tmp_path / 'weights.pth', tmp_path / 'sprung'
    write({**STATE, 'extra': trap(sprung)}, path)
    network = tiny(3)
    before = fingerprint(network)
    with pytest.raises(CheckpointError, match='is damaged, or holds Python objects') as error:
        load_weights(network, path)
    assert str(path) in str(error.value)
    assert 'weights_only' not in str(error.value)  # PyTorch's advice to load it all the same
    assert not sprung.exists()
    assert fingerprint(network) == before
    pickle.loads(pickle.dumps(trap(sprung)))
    assert sprung.exists()  # so the trap works


def damaged(kind, folder):
    if kind == 'safetensors':
        save_file(dict(STATE), folder / 'weights.safetensors')
        path = folder / 'weights.safetensors'
    else:
        path = save(folder, STATE)
    content = path.read_bytes()
    path.write_bytes({'text': b'no weights', 'empty': b''}.get(kind, content[:len(content) // 2]))
    return path


@pytest.mark.parametrize('kind', ['zip', 'safetensors', 'text', 'empty'])
def test_a_damaged_file_is_an_error(tmp_path, kind):
    path = damaged(kind, tmp_path)
    with pytest.raises(CheckpointError, match=f'{path.name}: '):
        read_checkpoint(path)


@pytest.mark.parametrize('name', ['missing.pth', '.', 'file/weights.pth'])
def test_a_missing_file_is_an_error(tmp_path, name):
    (tmp_path / 'file').touch()
    with pytest.raises(CheckpointError, match='no such checkpoint file'):
        read_checkpoint(tmp_path / name)


def test_fingerprints_are_equal_for_equal_weights():
    twin = tiny(2)
    twin.load_state_dict(STATE)
    twin.bn.num_batches_tracked += 5  # never changes an output
    assert fingerprint(twin) == fingerprint(WANTED)
    twin.conv.weight.data = twin.conv.weight.data.transpose(0, 1).contiguous().transpose(0, 1)
    assert fingerprint(twin) == fingerprint(WANTED.eval())


@pytest.mark.parametrize('change', [
    lambda network: network.conv.weight.data.view(-1)[:1].mul_(1 + 1e-6),
    lambda network: network.bn.running_var.add_(1),
    lambda network: network.add_module('more', nn.Conv2d(1, 1, 1)),
    lambda network: network.half(),
    lambda network: setattr(network.conv.weight, 'data', network.conv.weight.data.flip(0)),
])
def test_fingerprints_differ_for_other_weights(change):
    twin = tiny(1)
    assert fingerprint(twin) == fingerprint(WANTED)
    change(twin)
    assert fingerprint(twin) != fingerprint(WANTED)


def test_ema_that_does_not_fit_is_not_replaced_by_the_other_weights(tmp_path):
    ema = dict(prefixed('generator_ema.', STATE), **{'generator_ema.steps': torch.zeros(1)})
    torch.save(mmagic(prefixed('generator.', STATE), ema), tmp_path / 'weights.pth')
    with pytest.raises(CheckpointError, match=r'generator_ema.*unexpected: steps'):
        load_weights(tiny(3), tmp_path / 'weights.pth')


def test_whole_model_without_the_wrapper(tmp_path):
    state = dict(prefixed('generator.', STATE), **{'discriminator.weight': torch.zeros(1)})
    torch.save(state, tmp_path / 'weights.pth')
    network = tiny(3)
    assert load_weights(network, tmp_path / 'weights.pth') == 'MMagic, generator'
    assert fingerprint(network) == fingerprint(WANTED)
