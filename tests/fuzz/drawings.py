"""Masks as programs write them: what is drawn is known, how it is stored varies."""
from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage
from tiff_files import tiff

from .damage import Rng, chance, pick


@dataclass
class Drawing:
    """A file's content, the mask that was drawn, and how it is stored."""
    content: bytes
    mask: np.ndarray
    kind: str


def random_drawing(rng: Rng) -> Drawing:
    """Areas that do not touch, stored in one of the ways of paint and annotation programs."""
    mask = np.zeros((int(rng.integers(40, 90)), int(rng.integers(40, 90))), bool)
    for _ in range(rng.integers(1, 6)):
        row, column = (int(rng.integers(0, side - 12)) for side in mask.shape)
        mask[row:row + rng.integers(3, 12), column:column + rng.integers(3, 12)] = True
    regions, count = ndimage.label(mask, np.ones((3, 3)))
    make = pick(rng, (_two_values, _numbers, _strokes, _palette, _colors, _deep, _lossy))
    content, kind = make(rng, mask, regions, count)
    return Drawing(content, mask, kind)


def _encode(image: Image.Image, file_format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def _two_values(rng: Rng, mask: np.ndarray, *_) -> tuple[bytes, str]:
    low, high = sorted(rng.choice(256, 2, replace=False))
    low = 0 if chance(rng, .5) else low
    image = Image.fromarray(np.where(mask, high, low).astype(np.uint8))
    image = image.convert(pick(rng, ('L', 'RGB', 'LA', 'RGBA')))
    return _encode(image, pick(rng, ('PNG', 'TIFF'))), f'{low} and {high}, {image.mode}'


def _numbers(rng: Rng, mask: np.ndarray, regions: np.ndarray, count: int) -> tuple[bytes, str]:
    numbers = np.sort(rng.choice(np.arange(1, pick(rng, (8, 120, 256))), count, replace=False)
                      ) if chance(rng, .5) else np.arange(1, count + 1)
    values = np.array([0, *numbers])[regions].astype(pick(rng, (np.uint8, np.uint16)))
    return _encode(Image.fromarray(values), 'PNG'), f'regions {numbers.tolist()}, {values.dtype}'


def _strokes(rng: Rng, mask: np.ndarray, *_) -> tuple[bytes, str]:
    color, opacity = rng.integers(0, 256, 3), pick(rng, (255, 255, 128, 40, 1))
    color = pick(rng, ((0, 0, 0), (255, 255, 255), color))
    pixels = np.zeros((*mask.shape, 4), np.uint8)
    pixels[..., :3] = color if chance(rng, .5) else np.where(
        mask[..., None], color, rng.integers(0, 256, 3))
    pixels[..., 3] = mask * np.uint8(opacity)
    image = Image.fromarray(pixels)
    if chance(rng, .2):
        image = image.convert('LA')
    return (_encode(image, pick(rng, ('PNG', 'TIFF'))),
            f'strokes of {list(map(int, color))} at {opacity}, {image.mode}')


def _palette(rng: Rng, mask: np.ndarray, regions: np.ndarray, count: int) -> tuple[bytes, str]:
    colors = np.concatenate([[[0, 0, 0]], rng.integers(0, 256, (count, 3))])
    order = rng.permutation(count + 1) if chance(rng, .3) else np.arange(count + 1)
    image = Image.fromarray(np.argsort(order)[regions].astype(np.uint8))
    image.putpalette(colors[order].ravel().tolist())
    return (_encode(image, pick(rng, ('PNG', 'BMP', 'TIFF', 'GIF'))),
            f'palette {colors[order].tolist()}')


def _colors(rng: Rng, mask: np.ndarray, regions: np.ndarray, count: int) -> tuple[bytes, str]:
    colors = np.concatenate([[[0, 0, 0]], rng.integers(0, 256, (count, 3))]).astype(np.uint8)
    return _encode(Image.fromarray(colors[regions]), 'PNG'), f'colours {colors.tolist()}'


def _deep(rng: Rng, mask: np.ndarray, *_) -> tuple[bytes, str]:
    bits, photometric = pick(rng, (1, 2, 4, 8, 12, 16, 32)), pick(rng, (0, 1))
    high = int(rng.integers(1, min(2**bits, 2**31)))
    stored = mask * np.int64(high)
    stored = stored if photometric else 2**bits - 1 - stored
    return (tiff(stored, bits, photometric, pick(rng, '<>')),
            f'TIFF of {bits} bits, 0 and {high}, photometric {photometric}')


def _lossy(rng: Rng, mask: np.ndarray, *_) -> tuple[bytes, str]:
    high = pick(rng, (255, 255, 200, 128, 60))
    image = Image.fromarray(mask * np.uint8(high)).convert(pick(rng, ('L', 'RGB')))
    quality = int(rng.integers(60, 98))
    return _encode(image, 'JPEG', quality=quality), f'JPEG of 0 and {high}, {quality}'
