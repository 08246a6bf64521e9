"""Reading, writing and matching image files."""
from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, features

from ..errors import InputError
from .atomic import write_bytes

MAX_PIXELS = 2**30
"""What is refused as a decompression bomb: a photograph of 64 megapixels, enlarged 4×."""

MAX_DENSITY, MAX_BIT_DENSITY, MANY_PIXELS = 3_000, 10_000, 2**26
"""Pixels a byte, those of one bit or a palette, and the pixels from which on they count: a header
alone must not take gigabytes. A black mask as a PNG has 1,000, or of one bit a pixel 8,000."""

_one_at_a_time = threading.Lock()
"""Held while an image is opened: Pillow's limit is one for all threads."""

READS_AVIF = 'avif' in features.modules and features.check_module('avif')

IMAGE_SUFFIXES = ('.apng', *['.avif'] * READS_AVIF, '.bmp', '.dib', '.gif', '.jfif', '.jpe',
                  '.jpeg', '.jpg', '.pbm', '.pgm', '.png', '.pnm', '.ppm', '.tif', '.tiff',
                  '.webp')
"""Of the files that are taken for images in a folder, in lower or upper case."""

WRITTEN_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.ppm', '.tif', '.tiff', '.webp')
"""Of the files that can be written; the others have too few colours, or are other names."""

FORMATS = ('BMP', 'DIB', 'GIF', 'JPEG', 'PNG', 'PPM', 'TIFF', 'WEBP', *['AVIF'] * READS_AVIF)
"""What is read, whatever a file is called. Pillow knows more, and runs programs for some (EPS)."""

LOSSY = 'JPEG', 'MPO'


class ImageError(InputError):
    """An image that cannot be used; the message names the file and what is wrong with it."""


def check_usable(path: str | Path) -> None:
    """Refuse an image that cannot be used although it was listed, see :class:`ImagePath`.

    Raises:
        ImageError: If it is one.
    """
    refusal = getattr(path, 'refusal', '')
    if refusal:
        raise ImageError(refusal)


def size_of(image: np.ndarray) -> str:
    """Return an image's size as people write it, WIDTHxHEIGHT, for messages."""
    return f'{image.shape[1]}x{image.shape[0]}'


def read_image(path: str | Path) -> np.ndarray:
    """Read any still image as 8-bit RGB.

    Grey is copied to three channels, 16 bits are cut to the upper 8 (as OpenCV and MMagic do),
    an alpha channel is dropped, and an EXIF orientation is applied.

    Args:
        path (str | Path): The file.

    Returns:
        np.ndarray: uint8, shape ``(H, W, 3)``, RGB, writable.

    Raises:
        ImageError: If the file is missing, is no image, is truncated, or has a type of pixel
            that is neither 8 nor 16 bits.
    """
    with _errors_that_name(path):
        image, _ = _decode(path)
        image = _to_8_bits(image, path)
        return np.array(image if image.mode == 'RGB' else image.convert('RGB'))


def read_labels(path: str | Path) -> np.ndarray:
    """Read a label map: a single-channel 8-bit image whose values are classes, stored exactly.

    Returns:
        np.ndarray: uint8, shape ``(H, W)``.

    Raises:
        ImageError: If the file is no such image.
    """
    with _errors_that_name(path):
        image, image_format = _decode(path)
        if image_format in LOSSY:
            raise ImageError(f'{path}: expected a label map as a PNG or another file that keeps '
                             f'every value, got a {image_format}, in which classes have changed')
        if image.mode not in ('L', 'P'):  # a palette's indices are the labels
            raise ImageError(f'{path}: expected a label map (one channel, 8 bits), '
                             f'got pixels of type {image.mode}')
        return np.array(image)


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask: bool, shape ``(H, W)``, True where any channel is 128 or above.

    Raises:
        ImageError: If the file is no image, or holds 0 and 1 only: a mask that would read as
            empty.
    """
    image = read_image(path)
    if image.max() == 1:
        raise ImageError(f'{path}: expected a mask of 0 and 255, got 0 and 1')
    return (image >= 128).any(axis=2)


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
    write_bytes(path, buffer.getvalue())


def write_mask(path: str | Path, mask: np.ndarray) -> None:
    """Write a bool mask of shape ``(H, W)`` as a PNG of 0 and 255."""
    write_image(path, mask.astype(np.uint8) * 255)


def write_map(path: str | Path, artifact_map: np.ndarray,
              map_range: tuple[float, float] = (0, 1)) -> None:
    """Write a map, shape ``(H, W)``, as a 16-bit PNG: 0 and 65535 are the ends of its range."""
    low, high = map_range
    share = ((artifact_map - low) / (high - low)).clip(0, 1)
    write_image(path, np.round(share * 65535).astype(np.uint16))


def _decode(path: str | Path) -> tuple[Image.Image, str | None]:
    """Return the picture, upright, and its format."""
    check_usable(path)
    with _pixel_limit():
        image = Image.open(path, formats=FORMATS)
    with image:
        _refuse_bomb(image, path)
        _refuse_gaps(image, path)
        image.load()  # a truncated file is found here
        # A camera's MPO is a JPEG whose further frames are previews of the first.
        frames = getattr(image, 'n_frames', 1)
        if image.format != 'MPO' and frames > 1:
            raise ImageError(f'{path}: expected a still image, got {frames} frames')
        if image.format in ('PNG', 'PPM') and image.mode == 'I':  # 16 bits
            return ImageOps.exif_transpose(image.convert('I;16')), image.format
        return ImageOps.exif_transpose(image), image.format


@contextmanager
def _errors_that_name(path: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong in reading a file into an :class:`ImageError`."""
    try:
        yield
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f'{path}: no such file') from error
    except MemoryError as error:
        raise ImageError(f'{path}: needs more memory than there is') from error
    except Exception as error:  # what a damaged file raises depends on its format
        raise ImageError(f'{path}: cannot be read as an image, the file may be damaged or of '
                         f'another kind ({str(error) or type(error).__name__})') from error


@contextmanager
def _pixel_limit() -> Iterator[None]:
    """Let Pillow open images up to :data:`MAX_PIXELS`; SR images pass its own limit easily.

    Pillow refuses the double of its limit and warns above it; :func:`_decode` refuses those that
    it warns of. Warnings are not switched off meanwhile: that is one setting for all threads.
    """
    with _one_at_a_time:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _refuse_bomb(image: Image.Image, path: str | Path) -> None:
    pixels, size = image.width * image.height, Path(path).stat().st_size
    if pixels > MAX_PIXELS:
        raise ImageError(f'{path}: {image.width}x{image.height} px exceeds the limit of '
                         f'{MAX_PIXELS} pixels, the file may be a decompression bomb')
    density = MAX_BIT_DENSITY if image.mode in ('1', 'P') else MAX_DENSITY
    if pixels > MANY_PIXELS and pixels > density * size:
        raise ImageError(f'{path}: {image.width}x{image.height} px in {size} bytes exceeds the '
                         f'limit of {density} pixels a byte, the file is damaged or a '
                         'decompression bomb')


def _refuse_gaps(image: ImageFile.ImageFile, path: str | Path) -> None:
    """Pillow shows whatever the memory held where no strip of a TIFF lies."""
    if image.format != 'TIFF':
        return
    parts = [tile[1] for tile in image.tile]
    covered = sum((right - left) * (bottom - top)
                  for left, top, right, bottom in filter(None, parts))
    if covered < image.width * image.height and None not in parts:
        raise ImageError(f'{path}: is damaged, its strips or tiles have {covered} of '
                         f'{image.width}x{image.height} px')


def _to_8_bits(image: Image.Image, path: str | Path) -> Image.Image:
    if image.mode.startswith('I;16'):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ('I', 'F'):
        raise ImageError(f'{path}: expected 8 or 16 bits a channel, got pixels of type '
                         f'{image.mode} (32 bits)')
    return image
