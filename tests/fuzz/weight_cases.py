"""Cases about files of weights: checkpoints, safetensors, Keras files, NIQE's model."""
from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import save
from test_generators.keras_oracle import random_generator, write_h5
from torch import nn

from mmdesra.detectors import build_detector
from mmdesra.generators import convert_checkpoint, fingerprint, load_weights
from mmdesra.generators.keras_srgan import convert

from .damage import NOT_WHAT_THE_NAME_SAYS, Rng, chance, damage_bytes, damage_json, pick
from .judge import RIGHT, Refusal, ask, check


def network() -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 12, 3), bn=nn.BatchNorm2d(12),
                                     shuffle=nn.PixelShuffle(2)))


class Code:
    """What, unpickled, would make a file."""

    def __init__(self, canary: Path, how: int) -> None:
        self.calls = (
            (os.system, (f'touch {canary}',)),
            (eval, (f'open({str(canary)!r}, "w")',)),
            (exec, (f'open({str(canary)!r}, "w")',)),
            (open, (str(canary), 'w')),
            (os.mkdir, (str(canary),)),
            (getattr, (str, 'format')),
            (getattr, (HistoryBuffer, '__init__')),
            (torch.load, (str(canary),)),
            (torch.hub.load, (str(canary),)),
            (np.save, (str(canary), 1)),
            (torch.save, (1, str(canary))),
            (Path.touch, (canary,)),
        )[how % 12]

    def __reduce__(self):
        return self.calls


class Hungry:
    """What, unpickled, would take all memory, by means that loaders know."""

    def __init__(self, how: int) -> None:
        self.call = ((bytearray, (2**35,)), (np.zeros(1).__reduce__()[0], (
            np.ndarray, (2**35,), b'd')), (torch._utils._rebuild_tensor_v2, (
                torch.zeros(1).untyped_storage(), 0, (2**18, 2**18), (0, 0), False, {})))[how % 3]

    def __reduce__(self):
        return self.call


def checkpoint_case(rng: Rng, folder: Path) -> str:
    """A file of weights, whole or broken in one of many ways."""
    path, wanted = folder / 'weights.pth', network()
    canary = folder / 'canary'
    how = pick(rng, (whole, whole, broken_bytes, broken_bytes, broken_bytes, broken_bytes,
                     with_code, with_code, hungry, packed, wrong_names, wrong_shapes,
                     wrong_values, wrong_types, deep, other_content, broken_safetensors,
                     broken_safetensors, tar))
    path = source = how(rng, path, canary)
    filled = network()
    nn.init.zeros_(filled.conv.weight)
    before = fingerprint(filled)
    try:
        if chance(rng, .25):
            target = folder / 'converted.pth'
            ask(lambda: convert_checkpoint(path, target), path)
            path = target
        layout = ask(lambda: load_weights(filled, path), path)
    except Refusal as refusal:
        check(how is not whole, f'a whole checkpoint was refused: {refusal}')
        check(fingerprint(filled) == before, 'refused, but something was loaded')
        check(not (folder / 'converted.pth').exists() or path.name == 'converted.pth',
              'refused, but something was written')
        raise
    finally:
        check(not canary.exists(), 'code in the file was run')
    check(bool(layout), 'no layout')
    if fingerprint(filled) != fingerprint(wanted):
        # Formats without checksums: what stands in the file, and finite.
        check(how in (broken_bytes, broken_safetensors), f'{how.__name__}: other weights')
        check(source.suffix == '.safetensors' or not zipfile.is_zipfile(source),
              'a damaged zip gave other weights')
        check(all(bool(value.isfinite().all()) for value in filled.state_dict().values()),
              'weights are not finite')
    return RIGHT


def _content(rng: Rng) -> dict:
    state = OrderedDict(network().state_dict())
    return pick(rng, (
        state, dict(params=state), dict(params_ema=state, params={}), dict(state_dict=state),
        dict(meta=dict(iter=3), state_dict={f'generator.{name}': value
                                            for name, value in state.items()}),
        dict(model={f'module.{name}': value for name, value in state.items()})))


def _bytes(rng: Rng, content: object, legacy: bool | None = None) -> bytes:
    buffer = io.BytesIO()
    legacy = chance(rng, .3) if legacy is None else legacy
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def whole(rng: Rng, path: Path, canary: Path) -> Path:
    if chance(rng, .3):
        path = path.with_suffix('.safetensors')
        path.write_bytes(save(dict(network().state_dict())))
    else:
        path.write_bytes(_bytes(rng, _content(rng)))
    return path


def broken_bytes(rng: Rng, path: Path, canary: Path) -> Path:
    path = whole(rng, path, canary)
    path.write_bytes(damage_bytes(rng, path.read_bytes()))
    return path


def with_code(rng: Rng, path: Path, canary: Path) -> Path:
    code = Code(canary, int(rng.integers(12)))
    content = _content(rng)
    place = pick(rng, ('alone', 'beside', 'among', 'plain'))
    if place == 'plain':
        path.write_bytes(pickle.dumps(dict(content, extra=code), int(rng.integers(0, 6))))
        return path
    if place == 'among':
        next(iter(value for value in content.values() if isinstance(value, dict)),
             content)['zzz'] = code
    path.write_bytes(_bytes(rng, code if place == 'alone' else dict(content, extra=code)))
    if chance(rng, .15):
        path = path.rename(path.with_suffix(pick(rng, ('.safetensors', '.pt', '.ckpt'))))
    return path


def hungry(rng: Rng, path: Path, canary: Path) -> Path:
    how = int(rng.integers(4))
    if how == 3:  # few bytes seen as many values
        content = dict(network().state_dict(), extra=torch.zeros(1).expand(2**18, 2**18))
    else:
        content = dict(network().state_dict(), extra=Hungry(how))
    path.write_bytes(_bytes(rng, content))
    return path


def packed(rng: Rng, path: Path, canary: Path) -> Path:
    """The zip's records deflated, one of them a bomb."""
    path.write_bytes(_bomb())
    return path


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    source, bomb = io.BytesIO(), io.BytesIO()
    torch.save(dict(network().state_dict(), extra=torch.zeros(3 * 2**23)), source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    return bomb.getvalue()


def wrong_names(rng: Rng, path: Path, canary: Path) -> Path:
    state = dict(network().state_dict())
    name = pick(rng, [name for name in state if 'num_batches' not in name])
    value = state.pop(name)
    if chance(rng, .7):
        state[pick(rng, ('other', 0, '', None, 'conv', 'conv.weight.', ('a', 1)))] = value
    path.write_bytes(_bytes(rng, state))
    return path


def wrong_shapes(rng: Rng, path: Path, canary: Path) -> Path:
    state = dict(network().state_dict())
    name = pick(rng, [name for name in state if 'num_batches' not in name])
    state[name] = pick(rng, (state[name][:1], state[name].reshape(-1, 1), torch.zeros(0),
                             state[name].to_sparse(), torch.zeros(2, 2).to('meta')))
    path.write_bytes(_bytes(rng, state))
    return path


def wrong_values(rng: Rng, path: Path, canary: Path) -> Path:
    state = network().state_dict()
    name = pick(rng, ('conv.weight', 'conv.bias', 'bn.running_var', 'bn.weight'))
    state[name].view(-1)[0] = pick(rng, (float('nan'), float('inf'), float('-inf')))
    if chance(rng, .3):
        path = path.with_suffix('.safetensors')
        path.write_bytes(save(dict(state)))
    else:
        path.write_bytes(_bytes(rng, state))
    return path


def wrong_types(rng: Rng, path: Path, canary: Path) -> Path:
    state = dict(network().state_dict())
    value = state['conv.weight']
    state['conv.weight'] = pick(rng, (
        (value * 100).to(torch.int8), value.to(torch.complex64), value > 0, value.numpy().tolist(),
        'text', None, (value * 1000).to(torch.int64)))
    path.write_bytes(_bytes(rng, state))
    return path


def deep(rng: Rng, path: Path, canary: Path) -> Path:
    opened = b'}(' + b'X\1\0\0\0a' + b'}('
    count = int(rng.integers(1_000, 100_000))
    body = b'\x80\2' + opened * 1 + b'X\1\0\0\0a}(' * count + b'u' * (count + 2) + b'.'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('archive/data.pkl', body)
        archive.writestr('archive/version', '3\n')
        archive.writestr('archive/byteorder', 'little')
    return path


def other_content(rng: Rng, path: Path, canary: Path) -> Path:
    content = pick(rng, ([], 'text', 3, None, {}, {'params': 3}, {'params': {}}, {'params': [1]},
                         torch.zeros(3), {'state_dict': {'a': 1}}, {1: torch.zeros(1)},
                         {'state_dict': {'generator.': torch.zeros(1)}}, {'model': {'': 1}},
                         {'params_ema': {None: torch.zeros(2)}}, OrderedDict(a=OrderedDict())))
    path.write_bytes(pick(rng, NOT_WHAT_THE_NAME_SAYS) if chance(rng, .4)
                     else _bytes(rng, content))
    return path


def broken_safetensors(rng: Rng, path: Path, canary: Path) -> Path:
    content = save(dict(network().state_dict()))
    [length] = struct.unpack('<Q', content[:8])
    header, data = content[8:8 + length], content[8 + length:]
    if chance(rng, .7):
        header = damage_json(rng, json.loads(header))
        length = len(header)
    if chance(rng, .5):
        length = pick(rng, (0, 1, length + 1, 2**20, 2**31, 2**40, 2**63, 2**64 - 1))
    path = path.with_suffix('.safetensors')
    path.write_bytes(struct.pack('<Q', length) + header + data)
    return path


def tar(rng: Rng, path: Path, canary: Path) -> Path:
    """The layout of before PyTorch 0.4, in which older versions run pickles unasked."""
    with tarfile.open(path, 'w') as archive:
        for name in ('sys_info', 'pickle', 'storages', 'tensors'):
            data = pickle.dumps(Code(canary, int(rng.integers(5))), 2)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def keras_case(rng: Rng, folder: Path) -> str:
    """A Keras file, damaged in its bytes or its structure."""
    layers = random_generator(channels=4, blocks=1, upsamplers=1)
    path = folder / 'weights.h5'
    if chance(rng, .4):
        place = int(rng.integers(len(layers)))
        name, weights = layers[place]
        how = int(rng.integers(4))
        if how == 0:
            del layers[place]
        elif how == 1:
            layers.insert(place, (name + 'x', weights))
        elif weights:
            key = pick(rng, weights)
            value = weights.pop(key)
            if how == 2:
                weights[key] = pick(rng, (value[:1], value.reshape(-1), np.float32(1),
                                          value * np.nan, np.zeros((0, 3), np.float32)))
    write_h5(path, layers)
    content = path.read_bytes()
    broken = chance(rng, .6)
    if broken:
        path.write_bytes(damage_bytes(rng, content))
    state = ask(lambda: convert(path), path)
    check(all(value.dtype in (torch.float32, torch.int64) for value in state.values()), 'types')
    check(all(bool(value.isfinite().all()) for value in state.values()), 'not finite')
    return RIGHT


def niqe_case(rng: Rng, folder: Path) -> str:
    """A model of pristine photographs for NIQE, damaged."""
    arrays = dict(mu_pris_param=rng.normal(size=(1, 36)), cov_pris_param=np.eye(36))
    path = folder / 'pristine.npz'
    how = int(rng.integers(6))
    if how == 0:
        arrays['mu_pris_param'] = np.array([object()])
    elif how == 1:
        arrays['cov_pris_param'] = pick(rng, (np.eye(35), np.zeros(0), np.eye(36) * np.nan,
                                              np.eye(36, dtype=complex), np.array(['a'] * 1296)))
    elif how == 2:
        arrays['mu_pris_param'] = np.zeros(2**27, np.uint8)
    np.savez_compressed(path, **arrays)
    if how > 3:
        path.write_bytes(damage_bytes(rng, path.read_bytes()))
    detector = ask(lambda: build_detector(dict(type='NIQE', pristine_model=str(path))), path)
    with np.load(path, allow_pickle=False) as stored:
        check(np.array_equal(detector._mean.numpy().ravel(), stored['mu_pris_param'].ravel()),
              'another mean')
    check(bool(detector._covariance.isfinite().all() and detector._mean.isfinite().all()),
          'not finite')
    return RIGHT
