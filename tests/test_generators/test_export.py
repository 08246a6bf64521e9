"""Generators as ONNX and ncnn: sizes, values, what the files say, what is refused.

What needs the packages is skipped where they are missing.
"""
from __future__ import annotations

import hashlib
import importlib
from functools import partial

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS
from networks import Enlarging, Folding, random_weights
from test_spandrel_generator import compact
from torch import nn

from mmdesra import __version__
from mmdesra.errors import InputError
from mmdesra.generators import CheckpointError, GeneratorError, Upscaler
from mmdesra.generators.export import export_checkpoint
from mmdesra.generators.export_check import largest_difference, photograph_like
from mmdesra.models import SRResNet

MADE = {
    'SRResNet': partial(SRResNet, mid_channels=4, num_blocks=1),
    'folding': partial(Folding, 2, 2),  # as RRDBNet x2 does
}
NEW_SIZES = [(16, 12), (33, 17), (9, 40)]


@pytest.fixture
def onnx():
    pytest.importorskip('onnxruntime')
    return pytest.importorskip('onnx')


@pytest.fixture
def ncnn():
    pytest.importorskip('pnnx')
    return pytest.importorskip('ncnn')


def lively(network, seed=0):
    """With weights that make images with contrast, within the range."""
    random_weights(network, std=.15, seed=seed)
    last = [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]
    with torch.no_grad():
        last.bias.fill_(0.)
        image = torch.from_numpy(photograph_like(16, 16) / np.float32(65535)).permute(2, 0, 1)
        spread = network(image[None]).std()
        if not isinstance(network, SRResNet):
            last.weight.mul_(.15 / spread)
            last.bias.fill_(.5)
    return network


@pytest.fixture
def save(tmp_path):
    def write(network, name='weights.pth'):
        torch.save(dict(params_ema=network.state_dict()), tmp_path / name)
        return tmp_path / name
    return write


@pytest.fixture
def registered():
    """The name of a network that is registered for one test."""
    names = []

    def register(make):
        names.append(f'Exported{len(names)}')
        MODELS.register_module(names[-1], module=type(names[-1], (), {
            '__new__': lambda cls: make()}))
        return names[-1]
    yield register
    for name in names:
        del MODELS.module_dict[name]


@pytest.mark.parametrize('kind', MADE)
@pytest.mark.parametrize('half', [False, True])
def test_onnx_makes_the_same_images_of_any_size(onnx, save, registered, tmp_path, kind, half):
    from mmdesra.generators.export_onnx import run_onnx
    network = lively(MADE[kind]())
    done = export_checkpoint(save(network), tmp_path / 'new/x.onnx', registered(MADE[kind]), half)
    assert done.files == [tmp_path / 'new/x.onnx'] and done.scale in (2, 4)
    content = done.files[0].read_bytes()
    limit = 8 if half else .1
    assert done.difference <= limit
    assert largest_difference(Upscaler(network), run_onnx(content), NEW_SIZES, limit) <= limit
    kinds = {one.data_type for one in onnx.load_model_from_string(content).graph.initializer}
    assert (onnx.TensorProto.FLOAT16 in kinds) == half


def test_onnx_says_what_it_is(onnx, save, tmp_path):
    path = save(lively(compact()))
    done = export_checkpoint(path, tmp_path / 'x.onnx')  # recognised by its weights
    model = onnx.load(str(tmp_path / 'x.onnx'))
    onnx.checker.check_model(model)
    said = {one.key: one.value for one in model.metadata_props}
    assert said == dict(scale='4', network=done.network, precision='fp32', source='weights.pth',
                        source_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                        mmdesra_version=__version__)
    [image], [sr] = model.graph.input, model.graph.output
    assert (image.name, sr.name) == ('input', 'output')
    sides = [dim.dim_param or dim.dim_value for dim in image.type.tensor_type.shape.dim]
    assert sides == [1, 3, 'height', 'width']


class Baked(Enlarging):
    """Computes with its size in Python, which a trace keeps."""

    def check(self, x):
        return x * (float(x.shape[-1]) / 64)


class Inexpressible(Enlarging):
    """Has a layer that neither format knows."""

    def check(self, x):
        return torch.fft.irfft2(torch.fft.rfft2(x), s=tuple(map(int, x.shape[-2:])))


@pytest.mark.parametrize('make, reason', [
    (Baked, 'what comes out makes another image of 64x48 px'),
    (Inexpressible, 'PyTorch cannot write it')])
def test_what_onnx_cannot_express_is_refused_by_name(onnx, save, registered, tmp_path, make,
                                                     reason):
    path, name = save(make()), registered(make)
    with pytest.raises(GeneratorError, match=f'{make.__name__} cannot be exported to ONNX for '
                       f'images of any size: {reason}'):
        export_checkpoint(path, tmp_path / 'x.onnx', name)
    assert not (tmp_path / 'x.onnx').exists()


def blobs(param):
    lines = [line.split() for line in param.read_text().splitlines()[2:]]
    return {name for line in lines for name in line[4:4 + int(line[2]) + int(line[3])]}


@pytest.mark.parametrize('kind', MADE)
def test_ncnn_makes_the_same_images_and_has_the_names_that_others_ask_for(
        ncnn, save, registered, tmp_path, kind):
    from mmdesra.generators.export_ncnn import run_ncnn
    network = lively(MADE[kind]())
    done = export_checkpoint(save(network), tmp_path / 'x.param', registered(MADE[kind]))
    param, weights = tmp_path / 'x.param', tmp_path / 'x.bin'
    assert done.files == [param, weights] and done.difference <= .1
    assert {'data', 'output'} <= blobs(param) and not {'in0', 'out0'} & blobs(param)
    run = run_ncnn(param, weights)
    assert largest_difference(Upscaler(network), run, [(16, 12), (34, 18)], .1) <= .1
    batch = photograph_like(33, 17).transpose(2, 0, 1)[None] / np.float32(65535)
    sr = run(np.ascontiguousarray(batch, np.float32))
    wanted = Upscaler(network)(photograph_like(33, 17)).transpose(2, 0, 1) / 65535
    assert sr.shape[2] >= 33 * done.scale and sr.shape[3] >= 17 * done.scale
    inner = slice(0, 28 * done.scale), slice(0, 12 * done.scale)  # away from the odd border
    np.testing.assert_allclose(sr[0].clip(0, 1)[(..., *inner)], wanted[(..., *inner)], atol=1e-3)


class Residual(nn.Module):
    """A residual of residuals, many times: names made of names would fill all memory."""

    def __init__(self, blocks=40):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 1) for _ in range(blocks))

    def forward(self, x):
        for conv in self.convs:
            y = conv(x) * .2 + x
            x = (conv(y) * .2 + y) * .2 + x
        return x / 4


def test_ncnn_takes_networks_of_many_residuals(ncnn, save, registered, tmp_path):
    path, name = save(random_weights(Residual(), std=.05)), registered(Residual)
    export_checkpoint(path, tmp_path / 'x.param', name)
    head, *layers = (tmp_path / 'x.param').read_text().splitlines()[1:]
    kinds = [line.split()[0] for line in layers]
    assert 'Clip' not in kinds and kinds.count('Convolution') == 80
    assert head == f'{len(layers)} {len(blobs(tmp_path / "x.param"))}'


def test_ncnn_in_half_precision_is_half_as_large(ncnn, save, tmp_path):
    path = save(lively(compact()))
    sizes = []
    for half in (False, True):
        export_checkpoint(path, tmp_path / 'x.param', half=half, overwrite=True)
        sizes.append((tmp_path / 'x.bin').stat().st_size)
    assert sizes[1] < .75 * sizes[0]


def test_what_ncnn_cannot_express_is_refused_by_name(ncnn, save, registered, tmp_path):
    path, name = save(Inexpressible()), registered(Inexpressible)
    with pytest.raises(GeneratorError, match='Inexpressible cannot be exported to ncnn'):
        export_checkpoint(path, tmp_path / 'x.param', name)
    assert not [*tmp_path.glob('x.*')]


@pytest.mark.parametrize('target, package, install', [
    ('x.onnx', 'onnxruntime', r'pip install onnx onnxruntime, or mmdesra with its extra \[onnx\]'),
    ('x.param', 'pnnx', r'pip install pnnx ncnn, or mmdesra with its extra \[ncnn\]')])
def test_a_missing_package_is_told_with_what_to_install(save, tmp_path, monkeypatch, target,
                                                        package, install):
    known = importlib.import_module

    def import_module(name, *arguments):
        if name in ('onnx', 'onnxruntime', 'pnnx', 'ncnn'):
            if name == package:
                raise ModuleNotFoundError(f'No module named {name!r}')
            return None
        return known(name, *arguments)

    monkeypatch.setattr(importlib, 'import_module', import_module)
    with pytest.raises(InputError, match=f"No module named '{package}'.: {install}"):
        export_checkpoint(save(compact()), tmp_path / target)


def test_targets_that_are_there_or_unknown_are_refused(save, tmp_path):
    path = save(compact())
    (tmp_path / 'x.bin').touch()
    with pytest.raises(CheckpointError, match='x.bin: is there already'):
        export_checkpoint(path, tmp_path / 'x.param')
    with pytest.raises(CheckpointError, match='ends in .onnx or .param'):
        export_checkpoint(path, tmp_path / 'x.ncnn')
