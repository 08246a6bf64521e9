"""A generator pair that makes real artifacts in milliseconds, its checkpoints and LR images.

Importing the module registers ``ToyGenerator`` in mmengine's MODELS. A config that is read in
another process imports it by :func:`write_generator_config`.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mmengine.registry import MODELS
from PIL import Image
from scipy import ndimage
from torch import Tensor, nn

from mmdesra.files import write_image
from mmdesra.generators import GeneratedPairs, Upscaler

SCALE = 4
GAN_AMPLITUDE = .15
GREEN_LEVEL = .5
MIN_AREA = 200
"""SR pixels: the artifacts of :func:`make_lq_image` are regions well above it."""


@MODELS.register_module(force=True)  # the module may be imported again after a reload
class ToyGenerator(nn.Module):
    """Nearest-neighbour x4, plus ``amplitude`` times a texture where the LR image is green.

    The texture is one 4×4 tile of +1 and -1 with mean 0, the same for each LR pixel. So the
    generator works pixel by pixel: a crop's output is the crop of the output, tiles leave no
    trace, and training ``amplitude`` towards 0 deletes the artifacts.

    Args:
        amplitude (float): 0 for the MSE-SR generator, :data:`GAN_AMPLITUDE` for the GAN-SR one.
    """

    def __init__(self, amplitude: float = 0) -> None:
        super().__init__()
        self.amplitude = nn.Parameter(torch.tensor([float(amplitude)]))
        signs = np.random.default_rng(0).permutation([1., -1.] * (SCALE**2 // 2))
        self.register_buffer('texture', torch.tensor(signs, dtype=torch.float32)
                             .reshape(1, 1, SCALE, SCALE), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] to (N, 3, 4 H, 4 W)."""
        green = (x[:, 1:2] > GREEN_LEVEL).to(x.dtype)
        sr = x.repeat_interleave(SCALE, -2).repeat_interleave(SCALE, -1)
        where = green.repeat_interleave(SCALE, -2).repeat_interleave(SCALE, -1)
        return sr + self.amplitude * where * self.texture.tile(1, 1, *x.shape[-2:])


def make_lq_image(seed: int, size: tuple[int, int] = (40, 48), clean: bool = False) -> np.ndarray:
    """Gradients and smooth noise, uint8 ``(H, W, 3)``; without artifacts if ``clean``.

    A fifth of the pixels is green, in a few regions; in a clean image none is.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size[0], :size[1]] / max(size)
    image = np.stack([60 + 60 * rows + 50 * columns + 15 * _smooth(rng, size, 3)
                      for _ in range(3)], axis=-1)
    height = _smooth(rng, size, 5)
    green = 127 + 25 * (height - np.quantile(height, .8))
    image[..., 1] = green.clip(0, 100) if clean else green
    return image.clip(5, 250).round().astype(np.uint8)


def make_lq_folder(folder: Path, count: int = 4, size: tuple[int, int] = (40, 48),
                   clean: tuple[int, ...] = (1,), seed: int = 0) -> list[Path]:
    """Write ``image0.png``, ``image1.png`` …; those numbered in ``clean`` get no artifact."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        image = make_lq_image(100 * seed + number, size, number in clean)
        paths.append(folder / f'image{number}.png')
        Image.fromarray(image).save(paths[-1])
    return paths


def write_checkpoints(folder: Path, amplitude: float = GAN_AMPLITUDE) -> tuple[Path, Path]:
    """Write ``gan.pth`` and ``mse.pth`` in BasicSR's layout and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / 'gan.pth', folder / 'mse.pth'
    for path, value in zip(paths, (amplitude, 0)):
        torch.save(dict(params=ToyGenerator(value).state_dict()), path)
    return paths


def make_pairs(lq_dir: Path, amplitude: float = GAN_AMPLITUDE) -> GeneratedPairs:
    """Pair the LR images of a folder with the two toy generators."""
    return GeneratedPairs(lq_dir, Upscaler(ToyGenerator(amplitude)), Upscaler(ToyGenerator()))


def write_pairs(root: Path, count: int = 3, amplitude: float = GAN_AMPLITUDE,
                clean: tuple[int, ...] = ()) -> tuple[Path, Path]:
    """Write LR images into ``root/lq``, their SR images into ``gan`` and ``mse`` beside it.

    Returns:
        tuple[Path, Path]: The folders of the SR images.
    """
    make_lq_folder(root / 'lq', count, clean=clean)
    pairs = make_pairs(root / 'lq', amplitude)
    for folder in ('gan', 'mse'):
        (root / folder).mkdir()
        for path in pairs.paths:
            write_image(root / folder / path.name, getattr(pairs.load(path), folder))
    return root / 'gan', root / 'mse'


def write_generator_config(folder: Path) -> Path:
    """Write a config whose generator is the toy; readable where tests/ is in ``PYTHONPATH``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'toy_generator.py'
    path.write_text("custom_imports = dict(imports=['toys'])\n"
                    "model = dict(type='SRGAN', generator=dict(type='ToyGenerator'))\n")
    return path


def _smooth(rng: np.random.Generator, size: tuple[int, int], scale: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(rng.normal(size=size), scale)
    return noise / noise.std()
