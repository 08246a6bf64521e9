"""SRGAN in NumPy as Keras computes it, and h5 files as Keras writes them: the tests' oracle.

Images are (N, H, W, C). A network is a list of (layer name, {weight name: array}), in order.
"""

from __future__ import annotations

import h5py
import numpy as np

Layers = list[tuple[str, dict[str, np.ndarray]]]


def random_generator(channels=4, blocks=2, upsamplers=2, seed=0) -> Layers:
    rng = np.random.default_rng(seed)
    layers = [_conv(rng, 9, 3, channels), _prelu(rng, channels)]
    for _ in range(blocks):
        layers += [_conv(rng, 3, channels, channels), _norm(rng, channels),
                   _prelu(rng, channels),
                   _conv(rng, 3, channels, channels), _norm(rng, channels), ('add', {})]
    layers += [_conv(rng, 3, channels, channels), _norm(rng, channels), ('add', {})]
    for _ in range(upsamplers):
        layers += [_conv(rng, 3, channels, 4 * channels), ('lambda', {}), _prelu(rng, channels)]
    return _numbered([*layers, _conv(rng, 9, channels, 3), ('lambda', {})])


def random_discriminator(channels=2, size=32, dense=5, seed=0) -> Layers:
    rng = np.random.default_rng(seed)
    layers = []
    width_in = 3
    for width in (channels, 2 * channels, 4 * channels, 8 * channels):
        layers.append(_conv(rng, 3, width_in, width))
        if len(layers) > 1:
            layers.append(_norm(rng, width))
        layers += [('leaky_re_lu', {}), _conv(rng, 3, width, width), _norm(rng, width),
                   ('leaky_re_lu', {})]
        width_in = width
    return _numbered([*layers, ('flatten', {}),
                      _dense(rng, width_in * (size // 16)**2, dense), ('leaky_re_lu', {}),
                      _dense(rng, dense, 1)])


def write_h5(file, layers: Layers, whole_model=False) -> None:
    """Write the weights as ``save_weights`` does, or, for a whole model, as ``save`` does."""
    with h5py.File(file, 'w') as h5:
        root = h5.create_group('model_weights') if whole_model else h5
        root.attrs['layer_names'] = [name.encode() for name, _ in layers]
        root.attrs['backend'] = b'tensorflow'
        for name, weights in layers:
            group = root.create_group(name)
            names = [f'{name}/{weight}:0' for weight in weights]
            group.attrs['weight_names'] = np.array(names, dtype='S')
            for path, value in zip(names, weights.values()):
                group.create_dataset(path, data=value)


def run_generator(layers: Layers, images: np.ndarray) -> np.ndarray:
    """Images in [0, 255] to images in [0, 255]."""
    count = [_kind(name) for name, _ in layers].count
    blocks = count('batch_normalization') // 2
    weights = iter([weights for _, weights in layers if weights])
    x = skip = prelu(conv(images / 255, **next(weights)), **next(weights))
    for _ in range(blocks):
        y = norm(conv(x, **next(weights)), **next(weights))
        y = prelu(y, **next(weights))
        x = x + norm(conv(y, **next(weights)), **next(weights))
    x = skip + norm(conv(x, **next(weights)), **next(weights))
    for _ in range(count('p_re_lu') - blocks - 1):
        x = prelu(depth_to_space(conv(x, **next(weights))), **next(weights))
    return (np.tanh(conv(x, **next(weights))) + 1) * 127.5


def run_discriminator(layers: Layers, images: np.ndarray) -> np.ndarray:
    """Images in [0, 255] to the probability of being real."""
    weights = iter([weights for _, weights in layers if weights])
    x = leaky(conv(images / 127.5 - 1, **next(weights)))
    for index in range(1, 8):
        x = leaky(norm(conv(x, **next(weights), stride=1 + index % 2), **next(weights)))
    x = leaky(dense(x.reshape(len(x), -1), **next(weights)))
    return 1 / (1 + np.exp(-dense(x, **next(weights))))


def conv(x, kernel, bias, stride=1):
    """Padding 'same': as many outputs as strides fit, an odd pixel of padding last."""
    pads = [(0, 0)]
    for size, taps in zip(x.shape[1:3], kernel.shape):
        total = max((-(-size // stride) - 1) * stride + taps - size, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, [*pads, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(1, 2))
    return np.einsum('nyxcij,ijco->nyxo', windows[:, ::stride, ::stride], kernel) + bias


def norm(x, gamma, beta, moving_mean, moving_variance):
    return gamma * (x - moving_mean) / np.sqrt(moving_variance + 1e-3) + beta


def prelu(x, alpha):
    return np.maximum(x, 0) + alpha * np.minimum(x, 0)


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def dense(x, kernel, bias):
    return x @ kernel + bias


def depth_to_space(x):
    n, height, width, channels = x.shape
    x = x.reshape(n, height, width, 2, 2, channels // 4).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, 2 * height, 2 * width, channels // 4)


def _conv(rng, size, width_in, width_out):
    scale = np.sqrt(2 / (size * size * width_in))
    return 'conv2d', {'kernel': scale * _normal(rng, size, size, width_in, width_out),
                      'bias': 0.1 * _normal(rng, width_out)}


def _dense(rng, width_in, width_out):
    return 'dense', {'kernel': _normal(rng, width_in, width_out) / np.sqrt(width_in),
                     'bias': _normal(rng, width_out)}


def _prelu(rng, channels):
    return 'p_re_lu', {'alpha': 0.3 * _normal(rng, 1, 1, channels)}


def _norm(rng, channels):
    # Variances near eps, so that a wrong eps shows.
    return 'batch_normalization', {
        'gamma': 0.2 * _normal(rng, channels), 'beta': 0.1 * _normal(rng, channels),
        'moving_mean': 0.1 * _normal(rng, channels),
        'moving_variance': rng.uniform(0.01, 1, channels).astype(np.float32)}


def _normal(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def _numbered(layers: Layers) -> Layers:
    """Give the layers unique names as Keras does: conv2d, conv2d_1, ..."""
    seen, numbered = {}, []
    for name, weights in layers:
        number = seen.get(name, 0)
        seen[name] = number + 1
        numbered.append((f'{name}_{number}' if number else name, weights))
    return numbered


def _kind(name: str) -> str:
    return name.rstrip('0123456789').rstrip('_')
