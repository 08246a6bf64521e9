"""Small real-looking pairs for the tests of the artifact benchmark."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from mmdesra.files import write_image

SIZE = 200, 260


def make_pair(seed: int, noise: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """GAN-SR and MSE-SR, uint8 (200, 260, 3): flat at the left, textured at the right."""
    rng = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(rng.normal(size=(*SIZE, 1)), (2, 2, 0))
    texture *= np.linspace(0, 35, SIZE[1])[:, None] / texture.std()
    mse = 128 + texture + np.zeros(3)
    gan = mse + rng.normal(0, noise, (*SIZE, 3))
    return tuple(image.round().clip(0, 255).astype(np.uint8) for image in (gan, mse))


def write_pairs(root: Path, count: int = 3, dirty: tuple[int, ...] = ()) -> tuple[Path, Path]:
    """Write photo0.png …; pairs numbered in ``dirty`` have an artifact over half of them."""
    folders = root / 'gan', root / 'mse'
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        gan, mse = make_pair(number)
        if number in dirty:
            rows = gan[:SIZE[0] // 2].astype(float)
            rows += np.random.default_rng(99).normal(0, 30, rows.shape)
            gan[:SIZE[0] // 2] = rows.round().clip(0, 255)
        for folder, image in zip(folders, (gan, mse)):
            write_image(folder / f'photo{number}.png', image)
    return folders
