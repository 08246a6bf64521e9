"""What readers that share no code with Pillow see in an image file: OpenCV and tifffile."""
from __future__ import annotations

import io
from collections.abc import Iterator

import cv2
import numpy as np
import tifffile

JPEG_LEVELS = 4
"""How far two decoders of one JPEG may be apart, in grey levels: they round otherwise."""

MODES = 'RGB', 'L', '1', 'I;16', 'deep', 'RGBA'
"""Kinds of pixels whose meaning is the same to all readers: no palette, CMYK, LAB, YCbCr."""


def other_pixels(content: bytes, kind: str) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield what each reader sees, 8-bit RGB, and how many levels it may be off.

    Args:
        content (bytes): A whole image file.
        kind (str): Format, and kind of pixels: ``'PNG RGB'``; others are not compared.
    """
    file_format, _, mode = kind.partition(' ')
    if file_format == 'JPEG' and ('odd EXIF' in mode or mode in ('RGB', 'L')):
        yield from _opencv(content, JPEG_LEVELS)
    elif file_format in ('PNG', 'BMP', 'PPM') and mode in MODES:
        # Of 16 bits a channel in a PPM Pillow rounds to 8, OpenCV takes the upper 8.
        yield from _opencv(content, int(kind == 'PPM deep'))
    elif file_format == 'TIFF' and (mode in ('RGB', 'L', 'I;16', 'deep') or 'bits' in mode):
        yield from _tifffile(content)


def _opencv(content: bytes, levels: int) -> Iterator[tuple[str, np.ndarray, int]]:
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # it has limits of its own on sizes
        return
    if image is not None:
        yield 'OpenCV', image[..., ::-1], levels


def _tifffile(content: bytes) -> Iterator[tuple[str, np.ndarray, int]]:
    """Scale what is stored by its own maximum, 16 bits by their upper 8; 0 is black or white."""
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            page = file.pages[0]
            stored, bits = page.asarray(), page.bitspersample
            is_inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
            if 'Orientation' in page.tags or len(file.pages) > 1 or page.compression == 7:
                return
            if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and stored.ndim == 3:
                stored = np.moveaxis(stored, 0, 2)
    except Exception:
        return  # needs a codec that is not installed, or the file is of a kind of its own
    if not isinstance(bits, int) or bits > 16 or stored.dtype.kind not in 'ub':
        return
    stored = stored.astype(np.int64)
    values = (2**bits - 1 - stored) if is_inverted else stored
    values = values >> (bits - 8) if bits >= 8 else values * 255 // (2**bits - 1)
    pixels = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
    if pixels.shape[2] == 3:
        yield 'tifffile', pixels.astype(np.uint8), 0
