"""Writing a generator for programs without PyTorch."""
from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import make_output_folder
from ..files.hashes import weights_sha256
from ..version import __version__
from .build import SPANDREL, load_generator
from .checkpoint import CheckpointError, local_checkpoint
from .unfit_networks import refuse_unfit_type

PACKAGES = {'.onnx': ('onnx', 'onnxruntime'), '.param': ('pnnx', 'ncnn')}
"""The packages that are needed to write a file, by its suffix."""
EXTRAS = {'.onnx': 'onnx', '.param': 'ncnn'}
EXPORT_SUFFIXES = tuple(PACKAGES)


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        network (str): The network's type.
        scale (int): By how much it enlarges.
        files (list[Path]): What was written.
        difference (float): The largest difference from PyTorch's images, in levels of 255.
    """
    network: str
    scale: int
    files: list[Path]
    difference: float


def export_checkpoint(source: str | Path, target: str | Path,
                      generator: str | dict | None = None, half: bool = False,
                      overwrite: bool = False) -> Export:
    """Write a generator for programs without PyTorch, checked against PyTorch.

    ========== ===================================================================
    suffix     content
    ========== ===================================================================
    .onnx      see :func:`mmdesra.generators.export_onnx.write_onnx`; it says of
               itself the scale, the source's name and SHA-256, and our version
    .param     with ``.bin`` beside: see
               :func:`mmdesra.generators.export_ncnn.write_ncnn`
    ========== ===================================================================

    Args:
        source (str | Path): Weights, in any layout of :func:`mmdesra.generators.load_weights`.
        target (str | Path): File to write, when it is done and checked; its folder is made.
        generator (str | dict, optional): See :func:`mmdesra.generators.build_generator`. Default:
            what spandrel recognises the weights to be.
        half (bool): Half precision: half the size, values differ by some levels.
        overwrite (bool): Replace what is there.

    Raises:
        CheckpointError: If the source cannot be used, or the target is there.
        GeneratorError: If the network cannot be expressed in this format.
        InputError: If a package that is needed is not installed.
    """
    source, target = local_checkpoint(source), Path(target)
    files = [target, target.with_suffix('.bin')] if target.suffix == '.param' else [target]
    _check_target(files, overwrite)
    require_packages(target)
    if generator is not None:
        refuse_unfit_type(generator)
    network = load_generator(SPANDREL if generator is None else generator, source)
    make_output_folder(target.parent)
    from .image_sizes import image_sizes_of
    scale = image_sizes_of(network).scale
    name = getattr(network, 'architecture', type(network).__name__)
    if target.suffix == '.onnx':
        from .export_onnx import write_onnx
        difference = write_onnx(network, target, half, {
            'scale': str(scale), 'network': name, 'precision': 'fp16' if half else 'fp32',
            'source': source.name, 'source_sha256': weights_sha256(source),
            'mmdesra_version': __version__})
    else:
        from .export_ncnn import write_ncnn
        difference = write_ncnn(network, target, half)
    return Export(name, scale, files, difference)


def _check_target(files: list[Path], overwrite: bool) -> None:
    if files[0].suffix not in PACKAGES:
        raise CheckpointError(f'{files[0]}: expected a name that ends in '
                              f'{" or ".join(PACKAGES)}')
    for file in files:
        if file.exists() and not overwrite:
            raise CheckpointError(f'{file}: is there already; it is replaced only with '
                                  '--overwrite')


def require_packages(target: Path) -> None:
    """Make sure that what writes a file of this name is installed.

    Raises:
        InputError: If it is not; it says what to install.
    """
    packages = PACKAGES[target.suffix]
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise InputError(f'{target}: writing {target.suffix} needs {" and ".join(packages)} '
                             f'({error}): pip install {" ".join(packages)}, or mmdesra with its '
                             f'extra [{EXTRAS[target.suffix]}]') from error
