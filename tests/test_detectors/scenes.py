"""Synthetic GAN-SR/MSE-SR pairs, label maps: textures, flat areas, artifacts."""
from __future__ import annotations

import numpy as np
from scipy import ndimage


def smooth_noise(rng, size, scale):
    noise = ndimage.gaussian_filter(rng.normal(size=size), scale)
    return noise / noise.std()


def make_pair(seed=0, size=(200, 240), share=.3):
    """A smooth MSE-SR image, and the same with strong noise in blobs of a share of the area."""
    rng = np.random.default_rng(seed)
    base = np.stack([128 + 40 * smooth_noise(rng, size, 4) for _ in range(3)], axis=-1)
    blobs = smooth_noise(rng, size, 10)
    inside = blobs > np.quantile(blobs, 1 - share)
    strength = np.where(inside, 60, 3)[..., None]
    gan = base + strength * rng.normal(size=base.shape)
    base[:40, :50] = gan[:40, :50] = 255  # saturated flat areas on both sides
    base[-40:, -50:] = gan[-40:, -50:] = 0
    return tuple(image.clip(0, 255).round().astype(np.uint8) for image in (gan, base))


def make_labels(seed, size, values):
    """A map of blocks of 30 px, each of one of the values."""
    blocks = np.random.default_rng(seed).choice(values, [side // 30 + 1 for side in size])
    return np.kron(blocks, np.ones((30, 30), int))[:size[0], :size[1]].astype(np.uint8)
