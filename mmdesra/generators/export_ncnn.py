"""A generator as an ncnn model, for Real-ESRGAN-ncnn-vulkan, Upscayl and others."""
from __future__ import annotations

import math
import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..files import write_bytes
from .evaluating import evaluating
from .export_check import (
    TRACED_SIZE,
    DifferentImageError,
    Run,
    largest_difference,
    sizes_to_compare,
)
from .failures import describe_failure
from .image_sizes import ImageSizes, round_up
from .traceable import (
    MARK,
    MarkedSums,
    plain_network,
    unshuffle_by_convolution,
    unshuffling_by,
)
from .unfit_networks import GeneratorError
from .upscaler import Upscaler

BLOBS = {'in0': 'data', 'out0': 'output'}
"""What pnnx calls input and output, and what Real-ESRGAN-ncnn-vulkan and Upscayl ask for."""

LIMIT, HALF_LIMIT = 1., 8.
"""Levels in 255 that values may differ by from PyTorch's, with full and with half weights."""

PATIENCE = 1800
"""Seconds that pnnx may take."""

HEAD_LINES = 2
"""Of a ``.param``: the version, and how many layers and blobs there are."""


def write_ncnn(generator: nn.Module, path: Path, half: bool) -> float:
    """Write a generator as ``X.param`` and ``X.bin``, and compare what it makes with PyTorch.

    The blobs are ``data`` and ``output``, RGB in [0, 1], of any size. Where the network folds
    pixels into channels, the SR image of a size that is no multiple is larger by a few pixels at
    its right and lower border, which these programs cut.

    Args:
        generator (nn.Module): On the CPU.
        path (Path): ``X.param``; both files are written when they have been checked.
        half (bool): Store weights in half precision.

    Returns:
        float: The largest difference from PyTorch's image, in levels of 255.

    Raises:
        GeneratorError: If the network cannot be expressed, or makes other images.
    """
    upscaler = Upscaler(generator)
    with tempfile.TemporaryDirectory() as folder:
        param, weights = _converted(generator, upscaler.sizes, Path(folder), half)
        _refuse_unknown_layers(generator, param)
        tidied = Path(folder) / 'tidied.param'
        tidied.write_text(_tidied(param.read_text(encoding='utf-8')), encoding='utf-8')
        sizes = upscaler.sizes
        try:
            largest = largest_difference(
                upscaler, run_ncnn(tidied, weights),
                sizes_to_compare(sizes.multiple, sizes.minimum), HALF_LIMIT if half else LIMIT)
        except DifferentImageError as error:
            raise _refusal(generator, f'what comes out {error}') from error
        write_bytes(path.with_suffix('.bin'), weights.read_bytes())
        write_bytes(path, tidied.read_bytes())
    return largest


def run_ncnn(param: Path, weights: Path) -> Run:
    """Return a function that runs an ncnn model on the CPU, in full precision.

    Raises:
        DifferentImageError: If ncnn cannot read it.
    """
    import ncnn
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    net.opt.num_threads = torch.get_num_threads()
    if net.load_param(str(param)) or net.load_model(str(weights)):
        raise DifferentImageError('cannot be read by ncnn')

    def run(batch: np.ndarray) -> np.ndarray:
        extractor = net.create_extractor()
        extractor.input(BLOBS['in0'], ncnn.Mat(batch[0]))  # a view of the batch, which lives on
        code, sr = extractor.extract(BLOBS['out0'])
        if code:
            raise RuntimeError(f'ncnn ends with code {code}')
        return np.array(sr)[None]
    return run


def _converted(generator: nn.Module, sizes: ImageSizes, folder: Path,
               half: bool) -> tuple[Path, Path]:
    """Run pnnx in a folder, in which it leaves many files."""
    import pnnx
    step, least = sizes.multiple, sizes.minimum
    shapes = [[round_up(max(side, least), step) + more * 2 * step for side in TRACED_SIZE]
              for more in (0, 1)]  # two, so that what depends on the size stays so
    network = plain_network(generator)
    try:
        with torch.no_grad(), warnings.catch_warnings(), evaluating(network), \
                unshuffling_by(unshuffle_by_convolution), MarkedSums():
            warnings.simplefilter('ignore')
            traced = torch.jit.trace(network, torch.rand(1, 3, *shapes[0]), check_trace=False)
        traced.save(str(folder / 'network.pt'))
    except Exception as error:  # a network may hold anything
        raise _refusal(generator, f'PyTorch cannot trace it ({describe_failure(error)})'
                       ) from error
    inputs = [f'{name}=[1,3,{height},{width}]' for name, (height, width)
              in zip(('inputshape', 'inputshape2'), shapes)]
    try:
        done = subprocess.run(  # noqa: S603  (a program of pnnx's own, on a file of ours)
            [pnnx.EXEC_PATH, 'network.pt', *inputs, f'fp16={int(half)}'], cwd=folder, check=False,
            capture_output=True, text=True, errors='replace', timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise _refusal(generator, f'pnnx takes more than {PATIENCE} seconds') from error
    param, weights = folder / 'network.ncnn.param', folder / 'network.ncnn.bin'
    if done.returncode or not param.is_file() or not weights.is_file():
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = (f'it was ended by signal {-done.returncode}; was there too little memory?'
                  if done.returncode < 0 else '; '.join(lines[-2:])[:300])
        raise _refusal(generator, f'pnnx fails ({reason})')
    return param, weights


def _refuse_unknown_layers(generator: nn.Module, param: Path) -> None:
    import ncnn
    kinds = {line.split()[0] for line in
             param.read_text(encoding='utf-8').splitlines()[HEAD_LINES:] if line.strip()}
    unknown = sorted(kind for kind in kinds if ncnn.layer_to_index(kind) < 0)
    if unknown:
        raise _refusal(generator, f'ncnn has no layer for {", ".join(unknown[:5])}; an .onnx file '
                       'may be what you can use instead')


@dataclass(frozen=True)
class _Layer:
    """A line of a ``.param``."""
    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    options: list[str]

    @classmethod
    def parse(cls, line: str) -> _Layer:
        kind, name, *rest = line.split()
        count, made = int(rest[0]), int(rest[1])
        blobs, options = rest[2:2 + count + made], rest[2 + count + made:]
        return cls(kind, name, blobs[:count], blobs[count:], options)

    def text(self, names: Mapping[str, str]) -> str:
        blobs = [names.get(blob, blob) for blob in (*self.inputs, *self.outputs)]
        return ' '.join([f'{self.kind:24} {self.name:24}', str(len(self.inputs)),
                         str(len(self.outputs)), *blobs, *self.options])


def _tidied(param: str) -> str:
    """Give input and output the names that others ask for, and drop what only marks sums."""
    version, _, *lines = param.splitlines()
    layers, names = [], dict(BLOBS)
    for layer in map(_Layer.parse, lines):
        if layer.kind != 'Clip' or not _is_mark(layer.options):
            layers.append(layer)
        elif layer.outputs[0] in BLOBS:
            names[layer.inputs[0]] = names[layer.outputs[0]]
        else:
            names[layer.outputs[0]] = names.get(layer.inputs[0], layer.inputs[0])
    blobs = sum(len(layer.outputs) for layer in layers)
    return '\n'.join([version, f'{len(layers)} {blobs}',
                      *(layer.text(names) for layer in layers)]) + '\n'


def _is_mark(options: list[str]) -> bool:
    limits = dict(option.split('=', 1) for option in options)
    return {*limits} == {'0', '1'} and all(
        math.isclose(float(limits[end]), sign * MARK, rel_tol=1e-3)
        for end, sign in (('0', -1), ('1', 1)))


def _refusal(generator: nn.Module, reason: str) -> GeneratorError:
    name = getattr(generator, 'architecture', type(generator).__name__)
    return GeneratorError(f'{name} cannot be exported to ncnn for images of any size: {reason}')
