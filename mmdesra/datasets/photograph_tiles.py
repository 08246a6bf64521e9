"""Photographs of any size, cut once into tiles that a training can read again and again.

A photograph of 24 megapixels takes a third of a second to decode, a tile of it a few milliseconds.
"""
from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from mmengine.dist import get_rank
from tqdm import tqdm

from ..errors import InputError
from ..files import ImageError, image_name, make_output_folder, read_image, size_of, write_image
from ..files.decoding import check_usable
from ..files.records import read_json
from ..files.tables import write_json

FORMAT = 1
MOST_OF_ONE = 24
"""Tiles of a photograph, at most."""
MOST_IN_ALL = 2000
"""Approximate number of tiles of all photographs; the more photographs, the fewer of each (but
at least one)."""
LEAST_TILE = 256
"""Side in px; smaller tiles would be more files for the same pixels."""


@dataclass(frozen=True)
class Tiling:
    """How photographs are cut.

    Attributes:
        least (int): Shorter side in px from which on a photograph is used.
        wanted (int): Side in px that every tile has at least; what a photograph lacks is its
            mirror image, at the right and lower border.
        most (int): Tiles of a photograph, at most, drawn by its name.
        seed (int): Equal seeds, equal tiles.
    """
    least: int
    wanted: int
    most: int = MOST_OF_ONE
    seed: int = 0

    @property
    def side(self) -> int:
        """int: Of a tile, in px, if the photograph is larger."""
        return max(LEAST_TILE, 2 * self.wanted)


@dataclass(frozen=True)
class TiledPhotograph:
    """A photograph in tiles.

    Attributes:
        name (str): Of the photograph, see :func:`mmdesra.files.image_name`.
        paths (tuple[Path, ...]): The tiles.
        is_mirrored (bool): Whether it was smaller than wanted.
        count (int): Tiles that the photograph has, of which the most were drawn.
    """
    name: str
    paths: tuple[Path, ...]
    is_mirrored: bool = False
    count: int = 1


def cut_photographs(paths: Sequence[Path], folder: str | Path, tiling: Tiling,
                    ) -> tuple[list[TiledPhotograph], list[str]]:
    """Cut photographs into tiles, those that were cut already left as they are.

    Each photograph has its own record, written when its tiles are there: what is killed goes on
    from the photograph at which it was. One that has changed since is cut again.

    Args:
        paths (Sequence[Path]): The photographs, see :func:`mmdesra.files.list_inputs`.
        folder (str | Path): Where the tiles are, or go.
        tiling (Tiling): How to cut.

    Returns:
        tuple: The photographs that can be used, in the order given, and for each of the others
        why it cannot be, one line.

    Raises:
        OSError: If the tiles cannot be written.
    """
    make_output_folder(folder)
    tiled: list[TiledPhotograph] = []
    skipped: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda path: _cut_or_reason(path, Path(folder), tiling), paths)
        for result in tqdm(results, 'photographs', len(paths), leave=False, delay=1,
                           disable=get_rank() != 0):
            if isinstance(result, str):
                skipped.append(result)
            else:
                tiled.append(result)
    return tiled, skipped


def tiles_of_each(photographs: int) -> int:
    """Return how many tiles of each photograph are enough, see :data:`MOST_IN_ALL`."""
    return max(1, min(MOST_OF_ONE, MOST_IN_ALL // max(photographs, 1)))


def _cut_or_reason(path: Path, folder: Path, tiling: Tiling) -> TiledPhotograph | str:
    try:
        return _cut(path, folder, tiling)
    except ImageError as error:
        return str(error)


def _cut(path: Path, folder: Path, tiling: Tiling) -> TiledPhotograph:
    check_usable(path)  # whatever was cut of it before
    name = image_name(path)
    digest = hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()
    stem = f'photograph-{digest[:16]}'
    record = folder / f'{stem}.json'
    made_from = _made_from(path, tiling)
    known = _known(record, made_from, name)
    if known is not None:
        return known
    record.unlink(missing_ok=True)  # its tiles will be others
    image = read_image(path)
    if min(image.shape[:2]) < tiling.least:
        raise ImageError(f'{path}: expected a photograph of at least {tiling.least}x'
                         f'{tiling.least} px, one patch, got {size_of(image)}')
    is_mirrored = min(image.shape[:2]) < tiling.wanted
    if is_mirrored:
        image = mirrored(image, tiling.wanted)
    corners = _corners(image.shape[0], image.shape[1], tiling.side)
    drawn = sorted(_generator(name, tiling.seed).permutation(len(corners))[:tiling.most])
    names = []
    for number in drawn:
        (top, bottom), (left, right) = corners[number]
        names.append(f'{stem}-{number}.png')
        write_image(folder / names[-1], np.ascontiguousarray(image[top:bottom, left:right]),
                    compress_level=1)
    write_json(record, dict(made_from=made_from, tiles=names, is_mirrored=is_mirrored,
                            count=len(corners)))
    return TiledPhotograph(name, tuple(folder / tile for tile in names), is_mirrored, len(corners))


def _made_from(path: Path, tiling: Tiling) -> dict:
    try:
        status = path.stat()
    except OSError as error:
        raise ImageError(f'{path}: cannot be read ({error.strerror})') from error
    return dict(format=FORMAT, file=str(path.resolve()), bytes=status.st_size,
                changed=status.st_mtime_ns, **asdict(tiling))


def _known(record: Path, made_from: dict, name: str) -> TiledPhotograph | None:
    """Return the tiles that an earlier run cut in the same way; damaged ones are cut again."""
    if not record.is_file():
        return None
    try:
        content = read_json(record, dict, 'it is made again')
        if content['made_from'] != made_from:
            return None
        paths = tuple(record.with_name(Path(tile).name) for tile in content['tiles'])
        if not paths or not all(path.is_file() and path.stat().st_size for path in paths):
            return None
        return TiledPhotograph(name, paths, bool(content['is_mirrored']), int(content['count']))
    except (InputError, KeyError, TypeError, ValueError):
        return None


def _generator(name: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(name.encode(errors='surrogateescape')).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], 'little')])


def mirrored(image: np.ndarray, side: int) -> np.ndarray:
    """Extend an image by its mirror image to a side, to the right and below."""
    below, right = (max(side - length, 0) for length in image.shape[:2])
    # With the border pixel twice, so that it can be repeated however small the image is.
    return cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REFLECT)


def _corners(height: int, width: int, side: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return [(rows, columns) for rows in _spans(height, side) for columns in _spans(width, side)]


def _spans(length: int, side: int) -> list[tuple[int, int]]:
    """Cut a length into equal parts of at least ``side`` px; a shorter one is a single part."""
    parts = max(1, length // side)
    edges = [round(number * length / parts) for number in range(parts + 1)]
    return list(zip(edges, edges[1:]))
