"""Cases about folders: every file is read, refused by name, or said to be left out."""
from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np

from mmdesra.files import ImageFolder, image_name, list_inputs, read_image

from .damage import Rng, chance, pick
from .judge import REFUSED, RIGHT, Fault, Refusal, ask, check, check_equal
from .pictures import encode, random_pixels

STEMS = ('a', 'B', 'café', 'x y', 'été', '1', 'a.b', 'ångström', '写真', 'a[1]', 'photo (1)')
READ = {'.png': 'PNG', '.PNG': 'PNG', '.bmp': 'BMP', '.tif': 'TIFF', '.TIFF': 'TIFF',
        '.ppm': 'PPM', '.jpg': 'JPEG', '.jfif': 'JPEG', '.jpe': 'JPEG', '.JPEG': 'JPEG',
        '.gif': 'GIF', '.webp': 'WEBP'}
"""Suffixes of images that are read, and what is in such a file."""
EXACT = 'PNG', 'BMP', 'TIFF', 'PPM'
UNREAD = ('.heic', '.cr2', '.psd', '.jp2', '.xyz')
SIZE = (12, 16)


def named_images_case(rng: Rng, folder: Path) -> str:
    """A folder with files of many names and a second one with their partners."""
    written: dict[Path, np.ndarray | None] = {}
    inputs = folder / 'photos'
    recursive = chance(rng, .4)
    for _ in range(int(rng.integers(1, 7))):
        _add(rng, inputs, written)
    try:
        listing = ask(lambda: list_inputs(inputs, recursive), inputs)
    except Refusal:
        usable = [path for path in written if recursive or path.parent == inputs]
        check(not any(path.suffix in READ for path in usable), 'refused a folder with images')
        return REFUSED
    _check_partners(rng, folder, listing.paths)
    said = ' '.join(listing.left_out)
    listed = {str(path) for path in listing.paths}
    for path, pixels in written.items():
        if str(path) in listed:
            _check_read(path, listing.paths, written, pixels)
        else:
            is_unvisited = path.parent != inputs and not recursive
            check(path.suffix not in READ or is_unvisited, f'{path.name} was left out')
            wanted = (path.suffix,) if not is_unvisited else (
                ('sub-folder',) if path.suffix in READ else ('',))  # others there: not looked at
            check(any(word in said for word in wanted),
                  f'{path.name} is neither listed nor named: {said!r}')
    return RIGHT


def _add(rng: Rng, folder: Path, written: dict[Path, np.ndarray | None]) -> None:
    stem = unicodedata.normalize(pick(rng, ('NFC', 'NFD')), pick(rng, STEMS))
    place = folder / 'sub' if chance(rng, .25) else folder
    place.mkdir(parents=True, exist_ok=True)
    if chance(rng, .15):
        path = place / (stem + pick(rng, UNREAD))
        path.write_bytes(b'\0' * 40)
        written[path] = None
        return
    path = place / (stem + pick(rng, READ))
    if path.exists() or path.is_symlink():
        return
    if chance(rng, .1):
        path.symlink_to('/nowhere/there.png')
        written[path] = None
        return
    pixels = random_pixels(rng, SIZE)
    path.write_bytes(encode(pixels, READ[path.suffix]))
    written[path] = pixels


def _check_read(path: Path, paths: list[Path], written: dict, pixels: np.ndarray | None) -> None:
    [listed] = [one for one in paths if str(one) == str(path)]
    twins = [other for other in written if other != path and other.parent == path.parent
             and other.suffix in READ and _form(other.stem) == _form(path.stem)]
    try:
        found = ask(lambda: read_image(listed), path)
    except Refusal as refusal:
        check(pixels is None or bool(twins), f'a good image was refused: {refusal}')
        return
    check(pixels is not None and not twins, f'{path.name} has a twin, or no content, and was read')
    if READ[path.suffix] in EXACT:
        check_equal(found, pixels, path.name)


def _check_partners(rng: Rng, folder: Path, paths: list[Path]) -> None:
    """Partners whose names have the other Unicode form are found by the image's name."""
    partners: dict[str, np.ndarray] = {}
    for path in paths:
        name = unicodedata.normalize(pick(rng, ('NFC', 'NFD')), image_name(path))
        target = folder / 'partners' / f'{name}.png'
        target.parent.mkdir(parents=True, exist_ok=True)
        if _form(image_name(path)) not in partners:
            partners[_form(image_name(path))] = pixels = random_pixels(rng, SIZE)
            target.write_bytes(encode(pixels))
    found = ImageFolder(folder / 'partners')
    for path in paths:
        try:
            pixels = read_image(ask(lambda path=path: found.find(image_name(path)), folder))
        except Refusal as refusal:
            raise Fault(f'no partner was found for {path.name}: {refusal}') from refusal
        check_equal(pixels, partners[_form(image_name(path))], f'the partner of {path.name}')


def _form(name: str) -> str:
    return unicodedata.normalize('NFC', name)
