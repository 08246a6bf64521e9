"""Reading and writing images, label maps and masks."""
from __future__ import annotations

import io
import logging
import re
from pathlib import Path

import numpy as np
from PIL import Image

from .atomic import write_bytes
from .decoding import HAS_AVIF, ImageError, Picture, decode, errors_that_name
from .masks import MaskError, understand

logger = logging.getLogger('mmdesra')

IMAGE_SUFFIXES = ('.apng', *['.avif'] * HAS_AVIF, '.bmp', '.dib', '.gif', '.jfif', '.jpe',
                  '.jpeg', '.jpg', '.pbm', '.pgm', '.png', '.pnm', '.ppm', '.tif', '.tiff',
                  '.webp')
"""Suffixes by which a file in a folder is taken for an image, in any case."""

WRITTEN_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.ppm', '.tif', '.tiff', '.webp')
"""Suffixes of images that can be written. The others have too few colours, or are aliases."""

_remarks: set[tuple[Path, str]] = set()
"""Remarks that were logged, with the folder that each was about."""


def size_of(image: np.ndarray) -> str:
    """Return an image's size as WIDTHxHEIGHT, for messages."""
    return f'{image.shape[1]}x{image.shape[0]}'


def read_image(path: str | Path) -> np.ndarray:
    """Read any still image as 8-bit RGB.

    Grey is copied to three channels, 16 bits are cut to the upper 8 (as OpenCV and MMagic do),
    other depths are scaled by their own maximum, an alpha channel is dropped, and an EXIF
    orientation is applied. Of an animated GIF the first frame is read, which is logged.

    Args:
        path (str | Path): The file.

    Returns:
        np.ndarray: uint8, shape ``(H, W, 3)``, RGB, writable.

    Raises:
        ImageError: If the file is missing, truncated, no image, or has pixels of a type that is
            not supported.
    """
    with errors_that_name(path):
        picture = decode(path)
        say_first(path, picture)
        image = to_8_bits(picture, path)
        return np.array(image if image.mode == 'RGB' else image.convert('RGB'))


def read_labels(path: str | Path) -> np.ndarray:
    """Read a label map: a single-channel 8-bit image whose values are classes, stored exactly.

    Returns:
        np.ndarray: uint8, shape ``(H, W)``.

    Raises:
        ImageError: If the file is not such an image.
    """
    with errors_that_name(path):
        picture = decode(path)
        if picture.is_lossy:
            raise ImageError(f'{path}: expected a label map as a PNG or another file that keeps '
                             f'every value, got a {picture.format}, in which classes have changed')
        if picture.image.mode not in ('L', 'P'):  # a palette's indices are the labels
            raise ImageError(f'{path}: expected a label map (one channel, 8 bits), '
                             f'got pixels of type {picture.image.mode}')
        return picture.numbers()


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask that this package has written or a person has drawn.

    Usually 0 is ground and 255 artifact, cut at 128; :mod:`mmdesra.files.masks` has the full
    rule. If a mask is read in another way, this is logged, once per folder and way.

    Returns:
        np.ndarray: bool, shape ``(H, W)``, True where there is an artifact.

    Raises:
        ImageError: If the file is no image, or if it is unclear which pixels are artifacts.
    """
    with errors_that_name(path):
        picture = decode(path)
        values, alpha, white = picture.samples()
        try:
            reading = understand(values, alpha, white, picture.is_lossy, picture.is_cut)
        except MaskError as error:
            raise ImageError(f'{path}: {error}') from error
    say_first(path, picture)
    if reading.remark:
        _say(path, reading.remark)
    return reading.mask


def say_first(path: str | Path, picture: Picture) -> None:
    """Log if the image is an animation, of which only the first frame is read."""
    if picture.is_first:
        _say(path, 'is an animation, its first frame is read')


def _say(path: str | Path, remark: str) -> None:
    """Log how a file is read, once per folder: it may hold thousands of such files."""
    kind = Path(path).parent, re.sub(r'\d+', '', remark)
    if kind not in _remarks:
        _remarks.add(kind)
        logger.warning('%s: %s (said once for all such files of this folder)', path, remark)


def write_image(path: str | Path, image: np.ndarray, **options: object) -> None:
    """Write an image atomically; the suffix of ``path`` names the format.

    Args:
        path (str | Path): The file.
        image (np.ndarray): uint8, shape ``(H, W, 3)`` or ``(H, W)``, or uint16 ``(H, W)``.
        options: For Pillow's ``save``, for example ``quality=90``.

    Raises:
        ValueError: If the suffix is none of :data:`WRITTEN_SUFFIXES`.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITTEN_SUFFIXES:
        raise ValueError(f'{path}: expected one of the suffixes {", ".join(WRITTEN_SUFFIXES)}')
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, Image.registered_extensions()[suffix], **options)
    write_bytes(path, buffer.getvalue(), durable=False)


def write_mask(path: str | Path, mask: np.ndarray) -> None:
    """Write a bool mask of shape ``(H, W)`` as a PNG of 0 and 255."""
    write_image(path, mask.astype(np.uint8) * 255)


def write_map(path: str | Path, artifact_map: np.ndarray,
              map_range: tuple[float, float] = (0, 1)) -> None:
    """Write a map of shape ``(H, W)`` as a 16-bit PNG, its range scaled to 0 ... 65535."""
    low, high = map_range
    share = ((artifact_map - low) / (high - low)).clip(0, 1)
    write_image(path, np.round(share * 65535).astype(np.uint16))


def to_8_bits(picture: Picture, path: str | Path) -> Image.Image:
    """Return an image with 8 bits a channel; of 16 bits the upper 8 are taken.

    Raises:
        ImageError: If its numbers are signed, fractions, or have 32 bits.
    """
    image = picture.image
    if image.mode == 'I;16':
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ('I', 'F'):
        kind = 'floating-point numbers' if image.mode == 'F' else 'signed numbers, or 32 bits'
        raise ImageError(f'{path}: expected an image of whole numbers, 8 or 16 bits a channel, '
                         f'got {kind}; save it as a PNG')
    return image
