"""Images with all that their files store: grey or RGB, alpha, 16 bits, the colour profile."""
from __future__ import annotations

import io
import logging
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .atomic import write_bytes
from .decoding import ImageError, Picture, decode, errors_that_name
from .images import WRITTEN_SUFFIXES, say_first, to_8_bits

ALPHA_SUFFIXES = ('.png', '.tif', '.tiff', '.webp')
"""Suffixes of written files that can have an alpha channel."""
DEEP_SUFFIXES = ('.png', '.tif', '.tiff')
"""Suffixes of written files that can have 16 bits a channel."""

COLOUR_MODES = ('RGB', 'RGBA', 'P', 'PA', 'L', 'LA', 'I;16')
"""Pillow's modes for which the file's colour profile still holds after reading."""

PNG_HEADER = 33
"""Bytes of a PNG before its second chunk: the signature and IHDR."""

logger = logging.getLogger('mmdesra')


@dataclass(frozen=True)
class FullImage:
    """An image as its file stores it, turned upright.

    Attributes:
        pixels (np.ndarray): uint8 or uint16, RGB of shape ``(H, W, 3)``, or grey ``(H, W)``.
        alpha (np.ndarray, optional): Opacity, same type, shape ``(H, W)``; None if the file has
            no alpha channel.
        profile (bytes, optional): The ICC colour profile.
    """
    pixels: np.ndarray
    alpha: np.ndarray | None = None
    profile: bytes | None = None

    @property
    def is_deep(self) -> bool:
        """bool: Whether the image has 16 bits a channel."""
        return self.pixels.dtype == np.uint16

    @property
    def rgb(self) -> np.ndarray:
        """np.ndarray: The pixels as RGB, shape ``(H, W, 3)``, also of a grey image."""
        return self.pixels if self.pixels.ndim == 3 else np.stack([self.pixels] * 3, axis=-1)

    def shallow(self) -> FullImage:
        """Return the image with 8 bits a channel."""
        if not self.is_deep:
            return self
        alpha = None if self.alpha is None else _rounded(self.alpha)
        return replace(self, pixels=_rounded(self.pixels), alpha=alpha)


def read_full_image(path: str | Path) -> FullImage:
    """Read any still image that :func:`mmdesra.files.read_image` reads, with alpha and 16 bits.

    Raises:
        ImageError: As :func:`mmdesra.files.read_image`.
    """
    with errors_that_name(path):
        picture = decode(path)
        say_first(path, picture)
        image = picture.image
        profile = image.info.get('icc_profile') if image.mode in COLOUR_MODES else None
        if picture.is_cut:
            deep = _read_deep(path, picture)
            if deep is not None:
                return replace(_grey_if_all_is(deep), profile=profile)
            logger.warning('%s: has 16 bits a channel in a form of which only 8 are read', path)
        if image.mode == 'I;16':
            pixels = np.array(image)
            transparent = image.info.get('transparency')
            alpha = ((pixels != transparent) * np.uint16(65535)
                     if isinstance(transparent, int) else None)
            return FullImage(pixels, alpha, profile)
        return replace(_of_8_bits(to_8_bits(picture, path)), profile=profile)


def write_full_image(path: str | Path, image: FullImage, quality: int = 95) -> None:
    """Write an image atomically; the suffix of ``path`` names the format.

    Args:
        path (str | Path): The file.
        image (FullImage): What to write. Grey of 16 bits with alpha is written as RGBA.
        quality (int): For JPEG and WebP, 1 to 100.

    Raises:
        ValueError: If the suffix is not one of :data:`WRITTEN_SUFFIXES`, or the image has alpha
            or 16 bits and the format cannot.
        ImageError: If the image is larger than its format allows.
    """
    suffix = Path(path).suffix.lower()
    fits = (suffix in WRITTEN_SUFFIXES and (image.alpha is None or suffix in ALPHA_SUFFIXES)
            and (not image.is_deep or suffix in DEEP_SUFFIXES))
    if not fits:
        raise ValueError(f'{path}: cannot be written with alpha, or 16 bits, or at all')
    try:
        content = (_encode_deep(image, suffix) if image.is_deep
                   else _encode(image, suffix, quality))
    except (OSError, ValueError, cv2.error) as error:  # each format has a largest size
        height, width = image.pixels.shape[:2]
        raise ImageError(f'{path}: an image of {width}x{height} px cannot be written as {suffix} '
                         f'({error}); write it as .png') from error
    write_bytes(path, content)


def _rounded(values: np.ndarray) -> np.ndarray:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


# ---------------------------------------- reading


def _of_8_bits(image: Image.Image) -> FullImage:
    has_alpha = 'A' in image.getbands() or 'a' in image.getbands()
    is_grey = image.mode in ('1', 'L', 'LA')
    if has_alpha or image.info.get('transparency') is not None:
        pixels = np.array(image.convert('RGBA'))
        return FullImage(pixels[..., 0 if is_grey else slice(3)].copy(), pixels[..., 3].copy())
    return FullImage(np.array(image.convert('L' if is_grey else 'RGB')))


def _read_deep(path: str | Path, picture: Picture) -> FullImage | None:
    """Read 16-bit colours with OpenCV, because Pillow reads their upper 8 bits only.

    Returns:
        FullImage | None: None if the upper 8 bits differ from what Pillow has read: OpenCV reads
        fewer kinds of TIFF.
    """
    stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 3:
        return None
    stored = stored[..., [2, 1, 0, 3][:stored.shape[2]]]
    wanted = np.asarray(picture.image)
    # OpenCV turns some TIFFs by itself.
    for orientation in dict.fromkeys([picture.orientation, 1]):
        found = _of_channels(_turn(stored, orientation), picture.image.mode)
        if found is not None and np.array_equal(_stacked(found) >> 8, wanted):
            transparent = picture.image.info.get('transparency')
            if found.alpha is None and isinstance(transparent, tuple):
                differs = (found.pixels != np.array(transparent)).any(axis=-1)
                return replace(found, alpha=differs * np.uint16(65535))
            return found
    return None


def _of_channels(stored: np.ndarray, mode: str) -> FullImage | None:
    channels = stored.shape[2]
    if mode == 'RGB' and channels >= 3:  # OpenCV adds alpha if one colour is transparent
        return FullImage(np.ascontiguousarray(stored[..., :3]))
    if mode == 'RGBA' and channels == 4:
        return FullImage(stored[..., :3].copy(), stored[..., 3].copy())
    return None


def _grey_if_all_is(image: FullImage) -> FullImage:
    """Return an RGBA image as grey with alpha if it is grey: such files are read as RGBA."""
    first = image.pixels[..., :1]
    is_grey = image.alpha is not None and bool((image.pixels == first).all())
    return replace(image, pixels=first[..., 0].copy()) if is_grey else image


def _stacked(image: FullImage) -> np.ndarray:
    """Return pixels and alpha as one array, shape ``(H, W, C)``, or ``(H, W)``."""
    if image.alpha is None:
        return image.pixels
    return np.dstack([image.pixels, image.alpha])


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn pixels upright, as :func:`mmdesra.files.exif.turn` does images."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return pixels[rows, columns]


# ---------------------------------------- writing


def _encode(image: FullImage, suffix: str, quality: int) -> bytes:
    pixels = Image.fromarray(_stacked(image))
    options: dict = dict(quality=quality) if suffix in ('.jpg', '.jpeg', '.webp') else {}
    if image.profile:
        options['icc_profile'] = image.profile
    if suffix in ('.tif', '.tiff'):
        options['compression'] = 'tiff_lzw'
    buffer = io.BytesIO()
    pixels.save(buffer, Image.registered_extensions()[suffix], **options)
    return buffer.getvalue()


def _encode_deep(image: FullImage, suffix: str) -> bytes:
    pixels = image.pixels if image.alpha is None else np.dstack([image.rgb, image.alpha])
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][:pixels.shape[2]]]
    done, content = cv2.imencode(suffix, pixels)
    if not done:
        raise ValueError('OpenCV gives no reason')
    encoded = content.tobytes()
    return _with_profile(encoded, image.profile) if image.profile and suffix == '.png' else encoded


def _with_profile(png: bytes, profile: bytes) -> bytes:
    """Insert an ICC profile into a PNG, before the pixels, as the format demands."""
    body = b'iCCP' + b'ICC Profile\0\0' + zlib.compress(profile)
    chunk = struct.pack('>I', len(body) - 4) + body + struct.pack('>I', zlib.crc32(body))
    return png[:PNG_HEADER] + chunk + png[PNG_HEADER:]
