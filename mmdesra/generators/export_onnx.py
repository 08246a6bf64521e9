"""A generator as an ONNX file, for images of any size."""
from __future__ import annotations

import inspect
import logging
import math
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
from .image_sizes import LARGEST_GRID, image_sizes_of, round_up
from .traceable import AnySize, plain_network, unshuffle_by_reshaping, unshuffling_by
from .unfit_networks import GeneratorError
from .upscaler import Upscaler

INPUT, OUTPUT = 'input', 'output'
OPSET = 17
LIMIT, HALF_LIMIT = 1., 8.
"""Levels in 255 that values may differ by from PyTorch's, in full and in half precision."""


def write_onnx(generator: nn.Module, path: Path, half: bool,
               metadata: Mapping[str, str]) -> float:
    """Write a generator as ONNX, and compare what it makes with PyTorch.

    Input and output are float32 RGB in [0, 1], shape ``(1, 3, height, width)``, of any size; what
    the network needs to be a multiple of is extended in the graph.

    Args:
        generator (nn.Module): On the CPU.
        path (Path): The file, written when it has been checked.
        half (bool): Store and compute in half precision, input and output stay float32.
        metadata (Mapping): What the file says of itself.

    Returns:
        float: The largest difference from PyTorch's image, in levels of 255.

    Raises:
        GeneratorError: If the network cannot be expressed, or makes other images.
    """
    import onnx
    upscaler, reason = Upscaler(generator), ''
    for multiple in _multiples(upscaler):
        content = _traced(generator, multiple, upscaler.sizes.scale)
        try:
            largest = _compare(upscaler, content, LIMIT)
        except DifferentImageError as error:  # perhaps at sizes that it extends untraceably
            reason = reason or str(error)
            continue
        model = onnx.load_model_from_string(content)
        if half:
            model = _halved(model)
            try:
                largest = _compare(upscaler, model.SerializeToString(), HALF_LIMIT)
            except DifferentImageError as error:
                raise _refusal(generator, f'in half precision it {error}') from error
        for key, value in metadata.items():
            model.metadata_props.add(key=key, value=value)
        write_bytes(path, model.SerializeToString())
        return largest
    raise _refusal(generator, f'what comes out {reason}')


def run_onnx(content: bytes) -> Run:
    """Return a function that runs an ONNX file on the CPU."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, too
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, ['CPUExecutionProvider'])
    return lambda batch: session.run(None, {INPUT: batch})[0]


def _compare(upscaler: Upscaler, content: bytes, limit: float) -> float:
    sizes = sizes_to_compare(1, upscaler.sizes.minimum)
    try:
        run = run_onnx(content)
    except Exception as error:  # ONNX Runtime has errors of its own
        raise DifferentImageError(f'cannot be run ({describe_failure(error)})') from error
    return largest_difference(upscaler, run, sizes, limit)


def _multiples(upscaler: Upscaler) -> list[int]:
    """Return what to extend images to a multiple of: what the network says, then more.

    Some pad by themselves, in a way that is not traced.
    """
    own, grid = upscaler.sizes.multiple, math.lcm(upscaler.sizes.multiple, upscaler.sizes.grid)
    more = [math.lcm(grid, 2**power) for power in range(1, 7)]
    return [*dict.fromkeys([own, grid, *(step for step in more if step <= LARGEST_GRID)])]


def _traced(generator: nn.Module, multiple: int, scale: int) -> bytes:
    network = AnySize(plain_network(generator), multiple, scale)
    least = image_sizes_of(generator).minimum
    height, width = (round_up(max(side, least), multiple) for side in TRACED_SIZE)
    image = torch.from_numpy(np.random.default_rng(0).random((1, 3, height, width), np.float32))
    options: dict = {}
    if 'dynamo' in inspect.signature(torch.onnx.export).parameters:
        # The newer exporter needs onnxscript, and is not in PyTorch 2.0.
        options['dynamo'] = False
    with tempfile.TemporaryDirectory() as folder, _quietly(), evaluating(network), \
            unshuffling_by(unshuffle_by_reshaping):
        path = Path(folder) / 'network.onnx'
        try:
            torch.onnx.export(
                network, (image,), str(path), input_names=[INPUT], output_names=[OUTPUT],
                opset_version=OPSET, dynamic_axes={
                    INPUT: {2: 'height', 3: 'width'},
                    OUTPUT: {2: f'{scale}*height', 3: f'{scale}*width'}}, **options)
        except Exception as error:  # a network may hold anything
            raise _refusal(generator, 'PyTorch cannot write it '
                           f'({describe_failure(error)})') from error
        return path.read_bytes()


def _halved(model: Any) -> Any:
    from onnxruntime.transformers.float16 import convert_float_to_float16
    with _quietly():
        return convert_float_to_float16(model, keep_io_types=True)


def _refusal(generator: nn.Module, reason: str) -> GeneratorError:
    name = getattr(generator, 'architecture', type(generator).__name__)
    return GeneratorError(f'{name} cannot be exported to ONNX for images of any size: {reason}')


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporters' warnings: what they warn of is compared afterwards."""
    loggers = [logging.getLogger(name) for name in ('torch.onnx', 'onnxruntime.transformers')]
    levels = [one.level for one in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for one in loggers:
            one.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for one, level in zip(loggers, levels):
                one.setLevel(level)
