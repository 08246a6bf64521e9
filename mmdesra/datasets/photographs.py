"""Photographs as ground truths: reduced to some sizes, cut into pieces, the same each time."""
from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import InputError
from ..files import ImageError, read_image, size_of

MIN_SIDE = 32
"""In px: the smallest that the networks of the perceptual distances take."""


@dataclass(frozen=True)
class Piece:
    """A piece of a photograph, which serves as a ground truth.

    Attributes:
        name (str): A file stem of its own.
        source (str): File name of the photograph.
        image (np.ndarray): uint8, shape ``(H, W, 3)``, RGB, sides that the scale divides.
        short_side (int): Of the photograph that it was cut from, after reducing, in px.
        corner (tuple[int, int]): Row and column at which it was cut.
    """
    name: str
    source: str
    image: np.ndarray = field(repr=False)
    short_side: int
    corner: tuple[int, int]


@dataclass(frozen=True)
class Cutting:
    """How photographs are turned into ground truths.

    Attributes:
        scale (int): The sides of a piece are multiples of it.
        short_sides (tuple[int, ...]): The photograph is reduced (antialiased) until its shorter
            side has this many px, once for each; those that would enlarge it are left out, and
            if that is all of them, it is taken as it is. Empty: as it is.
        crop (int): Side of the pieces in px; 0 = whole photographs.
        crops (int): At most so many pieces of each size of a photograph, drawn without overlap.
        seed (int): Equal seeds, equal pieces; a photograph's do not depend on the others.

    Raises:
        InputError: If a value is out of range.
    """
    scale: int = 4
    short_sides: tuple[int, ...] = ()
    crop: int = 0
    crops: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self.scale >= 2, 'a scale of at least 2', self.scale)
        _check(all(side >= MIN_SIDE for side in self.short_sides),
               f'short sides of at least {MIN_SIDE} px', self.short_sides)
        _check(self.crop == 0 or self.crop >= max(MIN_SIDE, self.scale),
               f'a crop of at least {MIN_SIDE} px, or 0 for whole photographs', self.crop)
        _check(self.crops >= 1, 'at least 1 crop of a photograph', self.crops)
        _check(self.seed >= 0, 'a seed of at least 0', self.seed)

    def pieces(self, path: Path) -> Iterator[Piece]:
        """Read a photograph and cut it.

        Raises:
            ImageError: If it cannot be read, or is too small.
        """
        picture = Image.fromarray(read_image(path))
        short = min(picture.size)
        if short < MIN_SIDE:
            raise ImageError(f'{path}: expected a photograph of at least {MIN_SIDE} px a side, '
                             f'got {picture.width}x{picture.height}')
        rng = np.random.default_rng([self.seed, zlib.crc32(path.name.encode())])
        sides = sorted({side for side in self.short_sides if side < short}, reverse=True)
        if not sides or short in self.short_sides:
            sides = [short, *sides]
        for side in sides:
            image = _reduced(picture, side, self.scale)
            corners = self._corners(image.shape[:2], rng)
            for number, (row, column) in enumerate(corners):
                part = self._cut(image, row, column)
                parts = [path.stem] + [str(side)] * (len(sides) > 1) \
                    + [str(number)] * (len(corners) > 1)
                yield Piece('_'.join(parts), path.name, part, side, (row, column))

    def _corners(self, shape: Sequence[int], rng: np.random.Generator) -> list[tuple[int, int]]:
        if not self.crop:
            return [(0, 0)]
        cells = [(row, column) for row in _starts(shape[0], self.crop)
                 for column in _starts(shape[1], self.crop)]
        order = rng.permutation(len(cells))[:self.crops]
        return [cells[index] for index in order]

    def _cut(self, image: np.ndarray, row: int, column: int) -> np.ndarray:
        if self.crop:
            side = self.crop - self.crop % self.scale
            image = image[row:row + side, column:column + side]
        return np.ascontiguousarray(image)


def unique_names(pieces: Iterator[Piece], taken: set[str]) -> Iterator[Piece]:
    """Pass pieces on, and refuse one whose name another photograph's piece has.

    Raises:
        ImageError: Where two photographs of one stem (``a.jpg``, ``a.png``) meet.
    """
    for piece in pieces:
        if piece.name in taken:
            raise ImageError(f'{piece.source}: a piece of another photograph is called '
                             f'{piece.name}, too; rename one of the two files')
        taken.add(piece.name)
        yield piece


def cut_to(truth: np.ndarray, sr: np.ndarray, scale: int, path: Path) -> np.ndarray:
    """Cut a truth to the size of an SR image that was made from its reduction.

    Raises:
        ImageError: If it is smaller, or larger by the scale or more: it belongs to another image.
    """
    extra = [truth.shape[axis] - sr.shape[axis] for axis in (0, 1)]
    if not all(0 <= more < scale for more in extra):
        raise ImageError(f'{path}: expected the ground truth of an SR image of {size_of(sr)} (or '
                         f'up to {scale - 1} px more), got {size_of(truth)}')
    return truth[:sr.shape[0], :sr.shape[1]]


def _reduced(picture: Image.Image, short_side: int, scale: int) -> np.ndarray:
    """Reduce a picture, and cut it to a multiple of the scale."""
    factor = short_side / min(picture.size)
    if factor < 1:
        width, height = (max(round(factor * side), MIN_SIDE) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    image = np.asarray(picture)
    height, width = (side - side % scale for side in image.shape[:2])
    return image[:height, :width]


def _starts(length: int, crop: int) -> list[int]:
    return list(range(0, length - crop + 1, crop)) or [0]


def _check(is_right: bool, expected: str, got: object) -> None:
    if not is_right:
        raise InputError(f'expected {expected}, got {got}')
