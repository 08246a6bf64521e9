"""Pairs and LR images to measure with, made from a seed."""
from __future__ import annotations

import cv2
import numpy as np


def make_pair(side: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a GAN-SR and an MSE-SR image, uint8 ``(side, side, 3)``, with artifacts on a tenth.

    Smooth noise; the GAN-SR image has fine noise on it, strong in blobs.
    """
    rng = np.random.default_rng(seed)
    mse = 128 + 40 * _smooth(rng, side, 3)
    blobs = _smooth(rng, side, 1)[..., None]
    strength = np.where(blobs > 1.28, 50, 4).astype(np.float32)
    gan = mse + strength * rng.standard_normal(mse.shape, np.float32)
    return _to_bytes(gan), _to_bytes(mse)


def make_lq(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return an LR image, uint8 ``(H, W, 3)``: smooth noise under fine noise."""
    rng = np.random.default_rng(seed)
    side = max(height, width)
    image = 128 + 40 * _smooth(rng, side, 3) + 10 * rng.standard_normal((side, side, 3))
    return _to_bytes(image)[:height, :width]


def _smooth(rng: np.random.Generator, side: int, channels: int) -> np.ndarray:
    coarse = rng.standard_normal((max(side // 32, 4),) * 2 + (channels,), np.float32)
    fine = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return (fine - fine.mean()) / fine.std()


def _to_bytes(image: np.ndarray) -> np.ndarray:
    return image.clip(0, 255).round().astype(np.uint8)
