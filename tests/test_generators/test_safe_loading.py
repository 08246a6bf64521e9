"""Files of weights whose code is not run, by whatever reads them outside a training."""
from __future__ import annotations

import os
import threading
from pathlib import Path

import hostile
import pytest
import torch
from mmengine.runner import load_checkpoint
from torch import nn

from mmdesra.detectors import build_detector
from mmdesra.errors import InputError
from mmdesra.generators import (
    CheckpointError,
    build_generator,
    convert_checkpoint,
    known_pickles,
    load_generator,
    read_checkpoint,
)
from mmdesra.generators.safe_loading import SafeLoading
from mmdesra.generators.torch_switch import LAX, STRICT


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / 'canary'
    yield path
    assert not path.exists(), 'code of the file was run'


@pytest.fixture
def weights(tmp_path, canary):
    return hostile.zipped(tmp_path / 'weights.pth', canary, nn.Linear(1, 1).state_dict())


def refused():
    return pytest.raises(CheckpointError, match=hostile.REFUSED)


@pytest.mark.parametrize('layout', hostile.LAYOUTS, ids=lambda layout: layout.__name__)
@pytest.mark.parametrize('lax', [False, True])
def test_every_layout_is_refused_in_one_line(layout, lax, tmp_path, canary, monkeypatch):
    if lax:
        monkeypatch.setenv(LAX, '1')
    path = layout(tmp_path / 'weights.pth', canary, {})
    with refused() as caught:
        read_checkpoint(path)
    assert str(caught.value).startswith(f'{path}: ')
    assert '\n' not in str(caught.value)
    assert 'weights_only' not in str(caught.value)


class Lenient(nn.Module):
    """A network that loads by itself, as ``how`` does."""

    def __init__(self, pretrained, how):
        super().__init__()
        how(self, pretrained)


def by_torch(module, path):
    torch.load(path)


def by_torch_unsafely(module, path):
    torch.load(path, map_location='cpu', weights_only=False)


def by_torch_from_a_file(module, path):
    with Path(path).open('rb') as file:
        torch.load(file, weights_only=False)


def by_mmengine(module, path):
    load_checkpoint(module, path)


@pytest.mark.parametrize('lax', [False, True])
@pytest.mark.parametrize('how', [by_torch, by_torch_unsafely, by_torch_from_a_file, by_mmengine])
def test_a_network_that_loads_when_it_is_built(how, lax, weights, monkeypatch):
    if lax:
        monkeypatch.setenv(LAX, '1')
    with refused() as caught:
        build_generator(dict(type=Lenient, pretrained=str(weights), how=how))
    assert str(caught.value).startswith(f'{weights}: ')
    assert 'trust' not in str(caught.value) and '\n' not in str(caught.value)
    assert os.environ.get(LAX) == ('1' if lax else None) and STRICT not in os.environ


def test_the_same_network_with_weights_alone(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(nn.Linear(1, 1).state_dict(), path)
    for how in (by_torch, by_torch_unsafely, by_torch_from_a_file, by_mmengine):
        assert isinstance(build_generator(dict(type=Lenient, pretrained=str(path), how=how)),
                          Lenient)


def test_mmagics_network_that_loads_when_it_is_built(weights, own_scope):
    pytest.importorskip('mmagic.models')
    with refused():
        build_generator(dict(type='DeblurGanV2Generator', backbone='FPNMobileNet',
                             norm_layer='instance', pretrained=str(weights)))


def test_an_error_of_another_kind_keeps_its_own_words():
    def fail(module, path):
        raise RuntimeError('the network is too large')

    with pytest.raises(InputError, match='the network is too large') as caught:
        build_generator(dict(type=Lenient, pretrained='a.pth', how=fail))
    assert not isinstance(caught.value, CheckpointError)


READERS = {
    'spandrel': lambda path, out: load_generator('spandrel', path),
    'generator': lambda path, out: load_generator('SRResNet', path),
    'convert': lambda path, out: convert_checkpoint(path, out),
    'DISTS': lambda path, out: build_detector(dict(
        type='DISTS', backbone_weights=str(path), similarity_weights=str(path))),
    'LPIPS': lambda path, out: build_detector(dict(
        type='LPIPS', net='alex', backbone_weights=str(path)))}


@pytest.mark.parametrize('reader', READERS)
def test_our_own_readers(reader, weights, tmp_path):
    for package in {'spandrel': ['spandrel'], 'LPIPS': ['lpips']}.get(reader, []):
        pytest.importorskip(package)
    with refused():
        READERS[reader](weights, tmp_path / 'out.pth')
    assert not (tmp_path / 'out.pth').exists()


def test_calibrated_detector(tmp_path, canary):
    path = hostile.called_safetensors(tmp_path / 'calibrated', canary, {})
    with refused():
        build_detector(dict(type='TruthCalibrated', weights=str(path)))


@pytest.mark.parametrize('first_out', [0, 1])
def test_blocks_of_two_threads_may_overlap(first_out, monkeypatch):
    monkeypatch.setenv(LAX, '1')
    blocks = SafeLoading(), SafeLoading()
    blocks[0].__enter__()
    thread = threading.Thread(target=blocks[1].__enter__)
    thread.start()
    thread.join()
    blocks[first_out].__exit__(None, None, None)
    assert SafeLoading.is_on() and os.environ[STRICT] == '1' and LAX not in os.environ
    blocks[1 - first_out].__exit__(None, None, None)
    assert not SafeLoading.is_on() and os.environ[LAX] == '1' and STRICT not in os.environ


# ---------------------------------------- PyTorch before 2.4, which cannot be told what is known


@pytest.fixture
def old_torch(monkeypatch):
    """Reads by the means for it; mmengine's types are not known to PyTorch itself."""
    load = torch.load

    def load_tensors_only(file, *args, weights_only=None, **options):
        if weights_only:
            torch.serialization.clear_safe_globals()
        return load(file, *args, weights_only=weights_only, **options)

    if hasattr(torch.serialization, 'add_safe_globals'):
        known = torch.serialization.get_safe_globals()
        monkeypatch.setattr(torch, 'load', load_tensors_only)
        monkeypatch.delattr(torch.serialization, 'add_safe_globals')
        yield
        monkeypatch.undo()
        torch.serialization.add_safe_globals(known)
    else:
        yield


def history():
    from mmengine.logging import HistoryBuffer
    return HistoryBuffer([.5, .25], [1, 1])


@pytest.mark.parametrize('zipped', [True, False])
def test_old_torch_reads_what_mmengine_writes(tmp_path, old_torch, zipped):
    import numpy as np
    path = tmp_path / 'iter_1.pth'
    content = dict(state_dict=nn.Linear(1, 1).state_dict(), best=np.float64(.5), log=history(),
                   half=torch.zeros(2, dtype=torch.float16), numbers=np.arange(3))
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(path)
    assert torch.equal(found['state_dict']['weight'], content['state_dict']['weight'])
    assert found['log'].data[0].tolist() == [.5, .25] and found['log'].mean() == .375
    assert found['best'] == .5 and found['numbers'].tolist() == [0, 1, 2]
    assert found['half'].dtype == torch.float16


@pytest.mark.parametrize('layout', hostile.LAYOUTS, ids=lambda layout: layout.__name__)
def test_old_torch_runs_no_code(layout, tmp_path, canary, old_torch):
    path = layout(tmp_path / 'iter_1.pth', canary, dict(log=history()))
    with refused():
        read_checkpoint(path)


class Sets:
    """Pickles as an object that is given attributes."""

    def __init__(self, target, state):
        self.target, self.state = target, state

    def __reduce__(self):
        return known_pickles_first, (self.target,), self.state


def known_pickles_first(target):
    return target


def test_old_torch_gives_no_function_other_attributes(tmp_path, old_torch, monkeypatch):
    """A pickle may set attributes of what it names, such as a function that is known."""
    known = dict(known_pickles._known(), **{f'{__name__}.known_pickles_first':
                                            known_pickles_first})
    monkeypatch.setattr(known_pickles, '_known', lambda: known)
    torch.save(dict(log=history(), a=Sets(known_pickles_first, (None, dict(mark=1)))),
               tmp_path / 'a.pth')
    with refused():
        read_checkpoint(tmp_path / 'a.pth')
    assert not hasattr(known_pickles_first, 'mark')
