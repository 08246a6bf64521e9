"""Cases about what weights are called: of two sets the average is meant, whatever the names."""
from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from mmdesra.generators import load_weights

from .damage import Rng, chance, pick
from .judge import RIGHT, Fault, Refusal, ask, check
from .weight_cases import network

PAIRS = (('params', 'params_ema'), ('params', 'params-ema'), ('state_dict', 'state_dict_ema'),
         ('state_dict', 'ema_state_dict'), ('model', 'model_ema'), ('model', 'ema'),
         ('model', 'ema_model'), ('net_g', 'net_g_ema'), ('netG', 'netG_ema'), ('g', 'g_ema'),
         ('G', 'G_ema'), ('generator', 'generator_ema'), ('net', 'netEMA'),
         ('model_state_dict', 'model_state_dict_ema'), ('model_state', 'model_ema_state'))
"""Names of the weights and of their average in the files of published training scripts."""

BESIDE = dict(epoch=3, optimizer=dict(state={}, param_groups=[]), lr=1e-4, meta=dict(iter=7))
WRAPPERS = ('', '', '', 'module.', 'module.module.', '_orig_mod.', 'module._orig_mod.')
SUFFIXES = ('.pth', '.pt', '.ckpt', '.bin', '.safetensors', '.PTH', '.weights', '')
ADVICE = ('weights_only', 'trust', 'unsafe')
"""What a message must never bring up: it would be advice to run what is in a file."""

FOREIGN = {
    'a pointer of Git LFS': b'version https://git-lfs.github.com/spec/v1\noid sha256:%s\n'
                            b'size 67040989\n' % (b'0' * 64),
    'a web page': b'<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n',
    'a page in upper case': b'\n\n<HTML><BODY>Sign in</BODY></HTML>',
    'an error in JSON': b'{"error": "Repository not found"}\n',
    'HDF5': b'\x89HDF\r\n\x1a\n' + bytes(200),
    'GGUF': b'GGUF\3\0\0\0' + bytes(200),
    'ONNX': b'\x08\x07\x12\x07pytorch\x1a\x052.1.0:\x10\n\x0e\n\x01x\x12\x01y"\x04Reluz\x00',
    'gzip': b'\x1f\x8b\x08\0' + bytes(50),
    'a 7z archive': b'7z\xbc\xaf\x27\x1c' + bytes(50),
    'an NCNN model': b'7767517\n3 3\nInput data 0 1 data\n',
    'nothing': b'',
    'a PNG': b'\x89PNG\r\n\x1a\n' + bytes(50),
    'words': b'these are the weights\n',
}


def named_weights_case(rng: Rng, folder: Path) -> str:
    """A file of weights with names as some training script writes them, or of another kind."""
    path = folder / f'weights{pick(rng, SUFFIXES)}'
    if chance(rng, .25):
        return _foreign(rng, path)
    plain, average = _state(1), _state(2)
    wanted = _write(rng, path, plain, average)
    filled = network()
    layout = _read(filled, path)
    found = filled.state_dict()
    check(all(torch.equal(found[name], value) for name, value in wanted.items()),
          f'other weights than {"the average" if wanted is average else "the only ones"} '
          f'({layout})')
    return RIGHT


def _read(module: nn.Module, path: Path) -> str:
    try:
        layout = ask(lambda: load_weights(module, path), path)
    except Refusal as refusal:
        raise Fault(f'whole weights were refused: {refusal}') from refusal
    check(bool(str(layout)), 'says nothing of what it took')
    return str(layout)


def _foreign(rng: Rng, path: Path) -> str:
    kind = pick(rng, (*FOREIGN, 'TorchScript', 'npz'))
    path.write_bytes(FOREIGN[kind] if kind in FOREIGN else _script() if kind == 'TorchScript'
                     else _arrays())
    try:
        ask(lambda: load_weights(network(), path), path)
    except Refusal as refusal:
        check(not any(word in str(refusal).lower() for word in ADVICE), f'advises: {refusal}')
        raise
    raise Fault(f'{kind} was taken for weights')


def _script() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:  # what torch.jit.save writes, by its names
        for name in ('code/__torch__.py', 'constants.pkl', 'data.pkl', 'version'):
            archive.writestr(f'net/{name}', b'\x80\x02).')
    return buffer.getvalue()


def _arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weight=np.zeros(3))
    return buffer.getvalue()


def _state(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(value.shape, generator=generator) if value.is_floating_point()
            else value for name, value in network().state_dict().items()}


def _write(rng: Rng, path: Path, plain: Mapping, average: Mapping) -> Mapping:
    """Write one set or two; return the one that is meant."""
    names = pick(rng, PAIRS)
    wrapper = pick(rng, WRAPPERS)
    sets = {names[0]: _named(plain, wrapper)}
    how = pick(rng, ('both', 'both', 'both', 'both', 'plain', 'average', 'bare', 'prefix',
                     'mmengine'))
    if how == 'bare':
        _save(rng, path, sets[names[0]], flat=True)
        return plain
    if how == 'prefix':  # two networks in one state dict, as MMagic and Lightning write them
        flat = {f'{name}.{key}': value for name, state in (('generator', plain),
                                                           ('generator_ema', average))
                for key, value in state.items()}
        _save(rng, path, flat if chance(rng, .5) else dict(state_dict=flat), flat=False)
        return average
    if how == 'mmengine':  # it exchanges the two before it saves
        _save(rng, path, dict(
            meta=dict(mmengine_version='0.10.7'), state_dict=dict(average),
            ema_state_dict=dict(_named(plain, 'module.'), steps=torch.tensor(5))), flat=False)
        return average
    if how != 'plain':
        sets[names[1]] = _named(average, wrapper)
    if how == 'average':
        del sets[names[0]]
    content = dict(sets, **BESIDE) if chance(rng, .5) else sets
    keys = list(content)
    rng.shuffle(keys)
    _save(rng, path, {key: content[key] for key in keys}, flat=False)
    return plain if how == 'plain' else average


def _named(state: Mapping, wrapper: str) -> dict[str, Tensor]:
    return {wrapper + name: value for name, value in state.items()}


def _save(rng: Rng, path: Path, content: dict, flat: bool) -> None:
    if flat and chance(rng, .5):
        path.write_bytes(save(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=chance(rng, .7))
