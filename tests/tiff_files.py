"""TIFFs of any kind, written tag by tag: most programs write only the common ones."""
from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
CODES = {1: 'B', 3: 'H', 4: 'I', 7: 'B', 8: 'h', 9: 'i'}
BACKWARDS = bytes(int(f'{byte:08b}'[::-1], 2) for byte in range(256))


def tiff(values: np.ndarray, bits: int = 8, photometric: int | None = 1, order: str = '<', *,
         deflate: bool = False, planar: int = 1, fill_order: int = 1, rows: int | None = None,
         tags: Sequence[tuple[int, int, Any]] = ()) -> bytes:
    """Write whole numbers of shape (H, W) or (H, W, C) as a TIFF.

    Args:
        values: Between 0 and 2^bits - 1.
        bits: Bits a sample.
        photometric: 0: 0 is white; 1: 0 is black; 2: RGB; 3: palette; None: the tag is left out.
        order: '<' or '>'.
        deflate: Whether to compress.
        planar: 2: one channel after the other.
        fill_order: 2: the first pixel is in the lowest bits of a byte.
        rows: Rows a strip.
        tags: More of them: number, type, values (or bytes).
    """
    height, width = values.shape[:2]
    planes = values.reshape(height, width, -1)
    channels = planes.shape[2]
    rows = rows or height
    parts = []
    for plane in [planes] if planar == 1 else np.split(planes, channels, axis=2):
        for top in range(0, height, rows):
            part = _pack(plane[top:top + rows], bits, order)
            part = zlib.compress(part) if deflate else part
            parts.append(part.translate(BACKWARDS) if fill_order == 2 else part)
    entries = [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * channels),
               (259, 3, [8 if deflate else 1]), (273, 4, [0] * len(parts)), (277, 3, [channels]),
               (278, 4, [rows]), (279, 4, [len(part) for part in parts]), (284, 3, [planar]),
               *tags]
    entries += [(266, 3, [2])] if fill_order == 2 else []
    entries += [] if photometric is None else [(262, 3, [photometric])]
    return _assemble(sorted(entries, key=lambda entry: entry[0]), parts, order)


def _pack(values: np.ndarray, bits: int, order: str) -> bytes:
    """Rows begin at whole bytes."""
    lines = values.reshape(len(values), -1)
    if bits in (8, 16, 32):
        return lines.astype(f'{order}u{bits // 8}').tobytes()
    if bits == 24:
        return b''.join(int(value).to_bytes(3, 'little' if order == '<' else 'big')
                        for value in lines.ravel())
    digits = (lines[..., None] >> np.arange(bits)[::-1]) & 1
    return np.packbits(digits.reshape(len(lines), -1).astype(np.uint8), axis=1).tobytes()


def _assemble(entries: list[tuple[int, int, Any]], parts: list[bytes], order: str) -> bytes:
    start = 8 + 2 + 12 * len(entries) + 4
    places: list[int] = []
    for _ in range(2):  # where the strips stand is known when the rest has been written once
        body, directory = b'', struct.pack(order + 'H', len(entries))
        for tag, kind, values in entries:
            values = places or values if tag == 273 else values
            data = values if isinstance(values, bytes) else struct.pack(
                f'{order}{len(values)}{CODES[kind]}', *values)
            count = len(data) // SIZES.get(kind, 1)
            if len(data) > 4:
                field = struct.pack(order + 'I', start + len(body))
                body += data + b'\0' * (len(data) % 2)
            else:
                field = data.ljust(4, b'\0')
            directory += struct.pack(order + 'HHI', tag, kind, count) + field
        places = [start + len(body) + sum(map(len, parts[:number]))
                  for number in range(len(parts))]
    head = (b'II' if order == '<' else b'MM') + struct.pack(order + 'HI', 42, 8)
    return head + directory + struct.pack(order + 'I', 0) + body + b''.join(parts)
