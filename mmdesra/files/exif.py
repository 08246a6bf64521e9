"""The EXIF orientation: how a camera says that its picture is to be turned."""
from __future__ import annotations

import struct

from PIL import Image

ORIENTATION = 0x112
PREFIX = b'Exif\0\0'

WHOLE_NUMBERS = {1: 'B', 3: 'H', 4: 'I', 6: 'b', 8: 'h', 9: 'i', 13: 'I'}
"""Types of EXIF and TIFF entries that can hold an orientation, as struct codes. The standard asks
for type 3, but some programs write others."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def find_orientation(exif: bytes) -> int:
    """Return the orientation, 1 to 8, of an EXIF block; 1 (upright) where it has none.

    No other entry is read, so damage in the rest of the block does not matter.

    Args:
        exif (bytes): The block, with or without the prefix that it has in a JPEG.
    """
    while exif.startswith(PREFIX):
        exif = exif[len(PREFIX):]
    order = {b'II*\0': '<', b'MM\0*': '>'}.get(exif[:4])
    if order is None:
        return 1
    try:
        [start] = struct.unpack_from(order + 'I', exif, 4)
        [count] = struct.unpack_from(order + 'H', exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + 'HHI', exif, entry)
            if tag == ORIENTATION and kind in WHOLE_NUMBERS:
                code = order + WHOLE_NUMBERS[kind]
                place = entry + 8
                if number * struct.calcsize(code) > 4:
                    [place] = struct.unpack_from(order + 'I', exif, place)
                [value] = struct.unpack_from(code, exif, place)
                return value if value in TURNS else 1
    except struct.error:  # the block ends before the entry
        pass
    return 1


def exif_of(image: Image.Image) -> bytes:
    """Return an image's EXIF block as the file has it; empty where it has none."""
    block = image.info.get('exif')
    if isinstance(block, bytes):
        return block
    profile = image.info.get('Raw profile type exif')  # how ImageMagick writes it into a PNG
    if not isinstance(profile, str):
        return b''
    try:
        return bytes.fromhex(''.join(profile.split('\n')[3:]))
    except ValueError:
        return b''


def turn(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image upright."""
    turning = TURNS.get(orientation)
    return image if turning is None else image.transpose(turning)
