"""Converting, exporting and blending checkpoints."""
from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..generators.blend import Blend
from ..generators.blend import blend_checkpoints as blend
from ..generators.convert import CODE_BASES, Conversion, convert_checkpoint
from ..generators.export import EXPORT_SUFFIXES, Export, export_checkpoint

__all__ = ['Blend', 'Conversion', 'Export', 'blend', 'convert', 'describe_conversion']

USED_BY = {'.onnx': 'ONNX Runtime, chaiNNer and others; input and output are RGB in [0, 1], '
           'float32, shape (1, 3, height, width) of any size',
           '.param': "Real-ESRGAN-ncnn-vulkan, Upscayl and others; blobs are 'data' and 'output', "
           'RGB in [0, 1]'}

UPSCAYL_SCALES = 2, 3, 4
"""Scales of models that Upscayl knows, in the order in which it looks for them in a name."""


def convert(source: str | Path, target: str | Path, to: str | None = None,
            role: str = 'generator', generator: str | dict | None = None, half: bool = False,
            overwrite: bool = False) -> Conversion | Export:
    """Write a checkpoint in another format, which the suffix of ``target`` names.

    Args:
        source (str | Path): The checkpoint.
        target (str | Path): ``.onnx`` or ``.param`` (ncnn): see
            :func:`mmdesra.generators.export.export_checkpoint`; ``.pth`` or ``.safetensors``: see
            :func:`mmdesra.generators.convert_checkpoint`.
        to (str, optional): The code base whose names for tensors are written; only for weights.
            Default: BasicSR.
        role (str): The network to take from a whole model.
        generator (str | dict, optional): The network.
        half (bool): Half precision; only for ONNX and ncnn.
        overwrite (bool): Whether to replace an existing ``target``.

    Raises:
        InputError: If an argument cannot be used, or two do not go together.
        OSError: If the target cannot be written.
    """
    suffix, of_weights = Path(target).suffix, ('.pth', '.safetensors')
    if suffix not in (*of_weights, *EXPORT_SUFFIXES):
        raise InputError(f'{target}: expected a name that ends in {" or ".join(of_weights)}, '
                         f'{" or ".join(EXPORT_SUFFIXES)}')
    if suffix in EXPORT_SUFFIXES:
        if to is not None or role != 'generator':
            raise InputError(f'{target}: holds a generator as a graph; --to and --role are for '
                             '.pth and .safetensors')
        return export_checkpoint(source, target, generator, half, overwrite)
    if half:
        raise InputError(f'{target}: --fp16 is for .onnx and .param')
    return convert_checkpoint(source, target, to or 'basicsr', role, generator, overwrite)


def describe_conversion(source: str, target: str, to: str | None,
                        done: Conversion | Export) -> list[str]:
    """Return the lines that a command prints about a conversion."""
    if isinstance(done, Conversion):
        names = (f"{done.network}, {CODE_BASES[to or 'basicsr']}'s names" if done.network
                 else 'a network that is not in our tables, names kept')
        return [f'{source}: {done.layout}',
                f'{target}: {names}, {done.tensors} tensors, {done.values:,} values']
    files = ' and '.join(map(str, done.files))
    checked = (f'checked against PyTorch on two sizes: values differ by up to '
               f'{done.difference:.2g} levels in 255')
    lines = [f'{files}: {done.network} x{done.scale}, {checked}',
             f'for {USED_BY[done.files[0].suffix]}']
    if done.files[0].suffix == '.param':
        lines += ncnn_hints(done.files[0].stem, done.scale)
    return lines


def ncnn_hints(name: str, scale: int) -> list[str]:
    """Return how to tell programs the scale of an ncnn model, which its files do not hold.

    Args:
        name (str): The name of the two files, without suffix.
        scale (int): The model's scale.
    """
    taken = upscayl_scale(name)
    if taken == scale:
        upscayl = f'takes x{scale} from the name'
    elif scale in UPSCAYL_SCALES:
        upscayl = (f'takes the scale from the name, and x{taken} from this one: give both files '
                   f'a name with x{scale}' + ' and without x2 and x3' * (scale == 4))
    else:
        upscayl = f'knows no models of x{scale}'
    return [f'Real-ESRGAN-ncnn-vulkan: both into its folder models, then -n {name} -s {scale}',
            f'Upscayl: both into its folder of custom models; it {upscayl}']


def upscayl_scale(name: str) -> int:
    """Return the scale that Upscayl reads from a model's name (common/check-model-scale.ts)."""
    name = name.lower()
    return next((scale for scale in UPSCAYL_SCALES if f'x{scale}' in name or f'{scale}x' in name),
                UPSCAYL_SCALES[-1])
