"""Opening image files: the upright picture, and how the file stores it."""
from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError, features

from ..errors import InputError
from . import exif, tiff
from .signatures import find_foreign

MAX_PIXELS = 2**30
"""Pixels, width times height; a larger image is refused as a decompression bomb. A photograph of
64 megapixels enlarged 4× just passes."""

MAX_DENSITY, MAX_BIT_DENSITY, MANY_PIXELS = 3_000, 10_000, 2**26
"""The most pixels per byte of file; the same for images of 1 bit or a palette; and the number of
pixels from which on these limits hold. They keep a file that is little more than a header from
taking gigabytes. An all-black PNG mask has 1,000 pixels per byte, one of 1 bit 8,000."""

HAS_AVIF = 'avif' in features.modules and features.check_module('avif')
"""Whether the installed Pillow was built with AVIF."""

FORMATS = ('BMP', 'DIB', 'GIF', 'JPEG', 'PNG', 'PPM', 'TIFF', 'WEBP',
           *['AVIF'] * HAS_AVIF)
"""Formats that are read, by content, not by suffix. Pillow knows more, but runs other programs
to read some of them (EPS)."""

FIRST_FRAME = 'GIF', 'MPO'
"""Formats of which the first frame is read if there are several. A camera's MPO is a JPEG whose
other frames are previews."""

LOSSY = 'AVIF', 'JPEG', 'MPO'

_one_at_a_time = threading.Lock()
"""Held while an image is opened, because Pillow's pixel limit is global to all threads."""


class ImageError(InputError):
    """An image that cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Picture:
    """An image as Pillow has read it, and how its file stores it.

    Attributes:
        image (Image.Image): The image, upright.
        format (str): The file's format, as Pillow calls it.
        is_first (bool): Whether it is the first frame of an animation.
        white (int): The largest number that the file can store for a sample.
        is_stretched (bool): Whether Pillow has scaled 0 ... ``white`` to all of 8 or 16 bits.
        is_cut (bool): Whether Pillow has dropped the lower 8 of 16 bits, as it does for colours.
        is_lossy (bool): Whether compression has changed the values.
        orientation (int): The file's EXIF orientation: 1 (upright) to 8.
    """
    image: Image.Image
    format: str
    is_first: bool = False
    white: int = 255
    is_stretched: bool = False
    is_cut: bool = False
    is_lossy: bool = False
    orientation: int = 1

    def numbers(self) -> np.ndarray:
        """Return the numbers of one channel, or a palette's indices, as the file stores them."""
        values = np.array(self.image, np.uint8 if self.image.mode == '1' else None)
        if not self.is_stretched or self.image.mode in ('1', 'P'):
            return values
        full = 255 if self.image.mode == 'L' else 65535
        return np.round(values * (self.white / full)).astype(values.dtype)

    def samples(self) -> tuple[np.ndarray, np.ndarray | None, int]:
        """Return the stored values of a mask or another drawing.

        Returns:
            tuple: Numbers of shape ``(H, W)``, or uint8 RGB ``(H, W, 3)``; the alpha channel,
            uint8 ``(H, W)``, or None; and the number that stands for white.
        """
        mode, transparent = self.image.mode, self.image.info.get('transparency')
        if mode in ('1', 'L', 'I;16', 'I', 'F'):
            values = self.numbers()
            if mode == '1' and isinstance(transparent, int):
                transparent = min(transparent, 1)  # Pillow's white of one bit is 255
            alpha = ((values != transparent) * np.uint8(255)
                     if isinstance(transparent, int) else None)
            return values, alpha, 1 if mode == '1' else self.white
        if transparent is not None and mode == 'RGB' and self.is_cut:
            raise ValueError('16 bits a channel, with one colour marked as transparent')
        if mode in ('LA', 'PA', 'RGBA') or transparent is not None:
            pixels = np.array(self.image.convert('RGBA'))
            return pixels[..., :3], pixels[..., 3], 255
        colors = np.array(self.image.convert('RGB'))
        if mode == 'P' and (colors == colors[:1, :1]).all():
            return self.numbers(), None, 255  # one colour for all: take the indices
        return colors, None, 255


def check_usable(path: str | Path) -> None:
    """Refuse an image that was listed but cannot be used, see :class:`ImagePath`.

    Raises:
        ImageError: With the reason.
    """
    refusal = getattr(path, 'refusal', '')
    if refusal:
        raise ImageError(refusal)


def decode(path: str | Path) -> Picture:
    """Open an image file.

    Raises:
        ImageError: If the image was listed as unusable, exceeds the size limits, is damaged or
            animated (of a GIF the first frame is taken), or is a TIFF that Pillow reads wrongly.
        OSError: From Pillow, which raises others too: wrap the call in :func:`errors_that_name`.
    """
    check_usable(path)
    with Path(path).open('rb') as file:
        directory = tiff.read_directory(file)
        if directory is None:
            return _decode(path, path)
        why = directory.why_not()
        if why is not None:
            raise ImageError(f'{path}: is a TIFF that is not read, because {why}; save it as a '
                             'PNG, or as a TIFF of 8 or 16 bits, grey or RGB')
        _refuse_frames(path, 'TIFF', directory.pages)
        try:
            slim = cast('IO[bytes]', tiff.SlimTiff(file, directory))
            return _as_tiff(_decode(path, slim), directory)
        except ImageError:
            raise
        except (UnidentifiedImageError, ValueError) as error:
            raise ImageError(f'{path}: cannot be read as an image: it is {directory}, which is '
                             'not read, or damaged; save it as a PNG, or as a TIFF of 8 or 16 '
                             'bits, grey or RGB') from error


def _decode(path: str | Path, source: str | Path | IO[bytes]) -> Picture:
    try:
        with _pixel_limit():
            image = Image.open(source, formats=FORMATS)
    except UnidentifiedImageError as error:
        foreign = find_foreign(path)
        if foreign is None:
            raise
        raise ImageError(f'{path}: cannot be read as an image, it is {foreign}; expected one of '
                         f'{", ".join(FORMATS)}') from error
    with image:
        _refuse_bomb(image, path)
        _refuse_gaps(image, path)
        known = _storage(image, path)
        image.load()  # a truncated file is found here
        if image.format not in FIRST_FRAME:
            _refuse_frames(path, image.format, getattr(image, 'n_frames', 1))
        orientation = exif.find_orientation(exif.exif_of(image))
        return replace(known, image=exif.turn(_common_mode(image), orientation),
                       orientation=orientation)


def _common_mode(image: Image.Image) -> Image.Image:
    """Return an image in a mode that Pillow can turn and convert; it has several for 16 bits."""
    if image.mode.startswith('I;16') or (image.mode == 'I' and image.format in ('PNG', 'PPM')):
        common = Image.fromarray(np.asarray(image).astype(np.uint16))
        common.info = dict(image.info)
        return common
    return image.convert('LA') if image.mode == 'La' else image


def _storage(image: ImageFile.ImageFile, path: str | Path) -> Picture:
    """Tell how a file stores its samples; to be called before the image is loaded."""
    known = Picture(image, str(image.format), is_lossy=image.format in LOSSY)
    if image.format == 'PNG':
        with Path(path).open('rb') as file:
            bits, kind = file.read(26)[24:]  # IHDR is the first chunk
        return replace(known, white=2**bits - 1, is_stretched=bits < 8 and kind == 0,
                       is_cut=bits == 16 and kind != 0)
    if image.format == 'PPM':
        decoder, *_, arguments = image.tile[0]
        limit = arguments[-1] if isinstance(arguments, tuple) and decoder != 'raw' else None
        if image.mode == 'I':
            return replace(known, white=limit or 2**16 - 1, is_stretched=limit is not None)
        if isinstance(limit, int):
            return replace(known, white=min(limit, 255), is_stretched=limit < 255,
                           is_cut=limit > 255)
    if image.format == 'GIF':
        return replace(known, is_first=bool(getattr(image, 'is_animated', False)))
    if image.format == 'WEBP':
        return replace(known, is_lossy=_is_lossy_webp(path))
    return known


def _is_lossy_webp(path: str | Path) -> bool:
    """Tell whether a WebP is lossy: its first chunk of pixels is ``VP8L`` if it is lossless."""
    with Path(path).open('rb') as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            if head[:4] in (b'VP8L', b'VP8 ', b'ANMF'):
                return head[:4] != b'VP8L'
            [size] = struct.unpack('<I', head[4:])
            file.seek(size + size % 2, 1)
    return True


def _as_tiff(picture: Picture, directory: tiff.Directory) -> Picture:
    """Correct a TIFF where Pillow ignores its tags, and turn it upright."""
    image, bits = picture.image, directory.bits
    if image.mode == 'I;16' and directory.is_white_zero:
        image = Image.fromarray(2**bits - 1 - np.asarray(image))
    palette = directory.palette()
    if image.mode == 'P' and palette is not None:
        image.putpalette(palette)
    orientation = directory.first(exif.ORIENTATION, 1)
    return replace(picture, image=exif.turn(image, orientation), orientation=orientation,
                   white=2**bits - 1, is_stretched=bits < 8 and image.mode == 'L',
                   is_cut=bits == 16 and len(image.getbands()) > 1,
                   is_lossy=directory.is_lossy)


@contextmanager
def errors_that_name(path: str | Path) -> Iterator[None]:
    """Turn any error of reading a file into an :class:`ImageError` that names the file."""
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
    """Let Pillow open images up to :data:`MAX_PIXELS`; SR images often exceed its own limit.

    Pillow warns above its limit and refuses above twice that; :func:`decode` refuses both. The
    warning stays on, because switching warnings off would do so for all threads.
    """
    with _one_at_a_time:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _refuse_frames(path: str | Path, image_format: str | None, frames: int) -> None:
    if frames > 1:
        raise ImageError(f'{path}: expected a still image, got {frames} frames '
                         f'({image_format}); save the frame that you mean as a PNG')


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
    """Refuse a TIFF whose strips leave pixels out: Pillow fills them with stray memory."""
    if image.format != 'TIFF':
        return
    parts = [tile[1] for tile in image.tile]
    covered = sum((right - left) * (bottom - top)
                  for left, top, right, bottom in filter(None, parts))
    if covered < image.width * image.height and None not in parts:
        raise ImageError(f'{path}: is damaged, its strips or tiles have {covered} of '
                         f'{image.width}x{image.height} px')
