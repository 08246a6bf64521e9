"""Crops of photographs: the places with the most texture, where networks invent."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ...files import make_output_folder, read_image, write_image
from ...files.tables import write_csv
from ...ops import local_std
from .split import Photograph

SIDES = 192, 128
"""Sides of crops in LR px, for networks that are quick here and for slow ones: a photograph with
both sides up to it is taken whole, larger ones are cut."""
WANTED_CROPS = 40
LEAST_CROPS, MOST_CROPS = 2, 8
"""Of a large photograph."""
LEAST_FOR_PARTNER, MOST_FOR_PARTNER = 2, 200
"""Crops that a partner is trained on; of two one is held out."""
FLAT = 2.
"""Mean local standard deviation in grey levels below which a crop shows next to nothing."""


@dataclass(frozen=True)
class Crop:
    """A crop of a photograph.

    Attributes:
        photograph (str): Its place below the folder.
        role (str): What it is for, see :mod:`mmdesra.apis.curing.split`.
        file (str): Its name in the folder of its role; empty: none was made.
        width (int): In px, as the following.
        height (int)
        x (int): Of its left edge.
        y (int): Of its upper edge.
        texture (float): Mean local standard deviation, in grey levels.
        note (str): What else there is to say.
    """
    photograph: str
    role: str
    file: str = ''
    width: int = 0
    height: int = 0
    x: int = 0
    y: int = 0
    texture: float = 0.
    note: str = ''


NO_ARTIFACT = 'the model makes no artifact there'

COLUMNS = tuple(Crop.__dataclass_fields__)


def crops_per_photograph(photographs: int) -> int:
    """Return how many crops a large photograph gives at most: the fewer there are, the more."""
    return min(max(-(-WANTED_CROPS // max(photographs, 1)), LEAST_CROPS), MOST_CROPS)


def choose_crops(image: np.ndarray, side: int = SIDES[0], count: int = LEAST_CROPS
                 ) -> list[tuple[int, int, int, int, float]]:
    """Choose what to cut from a photograph: of its tiles those with the most texture.

    Texture is the mean local standard deviation, as in the detector. A crop with next to none
    (sky) is not taken beside one that has some.

    Args:
        image (np.ndarray): uint8, shape ``(H, W, 3)``.
        side (int): Of the tiles; a side of the photograph that is not longer stays whole.
        count (int): At most so many.

    Returns:
        list: (row, column, height, width, texture), the most texture first; the whole image where
        it is no larger than a tile.
    """
    height, width = image.shape[:2]
    tiles = [(row, column, min(side, height), min(side, width))
             for row in _starts(height, side) for column in _starts(width, side)]
    scored = [(*tile, texture_of(image[tile[0]:tile[0] + tile[2], tile[1]:tile[1] + tile[3]]))
              for tile in tiles]
    scored.sort(key=lambda tile: (-tile[4], tile[:2]))
    return [tile for number, tile in enumerate(scored[:count])
            if not number or tile[4] >= FLAT]


def texture_of(image: np.ndarray) -> float:
    """Return the mean local standard deviation of an image, in grey levels; 0 if it is tiny."""
    if min(image.shape[:2]) < 11:
        return 0.
    pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    return round(float(local_std(pixels).mean()), 3)


def write_crops(root: Path, photographs: list[Photograph], roles: dict[str, str], role: str,
                folder: Path, limit: int, side: int, skip: int = 0) -> list[Crop]:
    """Write the crops of the photographs of a role as PNG; of too many those with most texture.

    Args:
        root (Path): The folder of the photographs.
        photographs (list[Photograph]): All.
        roles (dict): What each is for.
        role (str): Those to cut.
        folder (Path): Where the crops go.
        limit (int): At most so many crops, but one of as many photographs as can be.
        side (int): Of the crops, in px.
        skip (int): Leave out so many of the first ones, and take those that come next.

    Returns:
        list[Crop]: What was made of each photograph of the role, in the order of their names.
    """
    make_output_folder(folder)
    taken = [one for one in photographs if roles[one.inside] == role]
    found = [list(_crops_of(root, one, role, side, crops_per_photograph(len(taken))))
             for one in taken]
    best = _within(found, skip + limit)
    crops = []
    for place, one in enumerate(crop for crops in found for crop in crops):
        if one not in best[skip:]:
            crops.append(replace(one, note=f'not used: {NO_ARTIFACT}' if one in best else
                                 'not used: others have more texture'))
            continue
        stem = re.sub(r'[^\w.-]', '_', Path(one.photograph).stem, flags=re.ASCII)[:60]
        crop = replace(one, file=f'{place:04d}_{stem}_{one.y}_{one.x}.png')
        image = read_image(root / one.photograph)
        write_image(folder / crop.file, np.ascontiguousarray(
            image[one.y:one.y + one.height, one.x:one.x + one.width]))
        crops.append(crop)
    return crops


def write_table(path: Path, crops: list[Crop], left_out: dict[str, str]) -> None:
    """Write what was done with each photograph; those left out with the reason."""
    rows = [asdict(crop) for crop in crops]
    rows += [asdict(Crop(name, 'left out', note=reason)) for name, reason in left_out.items()]
    write_csv(path, COLUMNS, sorted(rows, key=lambda row: (row['photograph'], row['file'])))


def _crops_of(root: Path, photograph: Photograph, role: str, side: int, count: int
              ) -> Iterator[Crop]:
    image = read_image(root / photograph.inside)
    is_whole = max(image.shape[:2]) <= side
    for row, column, height, width, texture in choose_crops(image, side, count):
        yield Crop(photograph.inside, role, '', width, height, column, row, texture,
                   'whole' if is_whole else
                   f'cut from {photograph.width}x{photograph.height} px: most texture')


def _within(found: list[list[Crop]], limit: int) -> list[Crop]:
    """Take first the best crop of each photograph, then the second ones; by texture."""
    taken: list[Crop] = []
    for turn in range(max(map(len, found), default=0)):
        best = sorted((crops[turn] for crops in found if len(crops) > turn),
                      key=lambda crop: (-crop.texture, crop.photograph))
        taken += best[:limit - len(taken)]
    return taken


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin: as many as fit, spread evenly."""
    if length <= side:
        return [0]
    count = length // side + (length % side > side // 2)
    return sorted({round(number * (length - side) / max(count - 1, 1)) for number in range(count)})
