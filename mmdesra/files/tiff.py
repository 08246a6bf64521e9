"""The tags of a TIFF that describe its pixels, and a view of the file without other tags.

Pillow silently reads some TIFFs wrongly: 12 bits as 16, black as white, planes of 16 bits as 8.
And it fails on odd values of tags that have nothing to do with the pixels. So the tags that
matter are read and checked here first, and Pillow is shown only those.
"""
from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

from .exif import ORIENTATION, WHOLE_NUMBERS

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_SIZES, PLANAR = 273, 277, 278, 279, 284
FAX3_OPTIONS, FAX4_OPTIONS, PREDICTOR, COLORMAP = 292, 293, 317, 320
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES, INK_SET = 322, 323, 324, 325, 332
EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES, KIND_OF_PAGE = 338, 339, 347, 254
OLD_JPEG = tuple(range(512, 522))
YCBCR, SUBSAMPLING, YCBCR_POSITION, BLACK_WHITE = 529, 530, 531, 532

DESCRIBING = {WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, SAMPLES, PLANAR,
              COLORMAP, INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT, SUBSAMPLING, ORIENTATION,
              KIND_OF_PAGE}
"""Tags whose values are checked here."""

DECODING = {WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, SAMPLES,
            ROWS_PER_STRIP, STRIP_SIZES, PLANAR, FAX3_OPTIONS, FAX4_OPTIONS, PREDICTOR, COLORMAP,
            TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES, INK_SET, EXTRA_SAMPLES,
            SAMPLE_FORMAT, JPEG_TABLES, *OLD_JPEG, YCBCR, SUBSAMPLING, YCBCR_POSITION, BLACK_WHITE}
"""Tags that Pillow is shown, to decode the pixels. The orientation is applied afterwards."""

UNCOMPRESSED = 1
LOSSY = {6, 7, 33003, 33005, 34712, 34892, 50001, 50002, 52546}
"""Compressions that may change values: all kinds of JPEG, JPEG 2000, WebP and JPEG XL."""

WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE, CMYK, YCC = 0, 1, 3, 5, 6
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
READ_BITS = 1, 2, 4, 8, 16, 32
"""Bits a sample that are read; 32 for masks only. 12 is left out because Pillow would take the
numbers for 16 bits and show a nearly black picture."""

MOST_VALUES = 3 * 2**16
"""Values read of one tag, at most: a colour map for 16 bits has this many."""

MOST_PAGES = 1000


@dataclass(frozen=True)
class Directory:
    """The tags of the first picture in a TIFF.

    Attributes:
        values (dict): The values of each tag of :data:`DESCRIBING` that the picture has.
        pages (int): The number of pictures in the file, not counting thumbnails.
        start (int): The directory's offset in the file.
        slim (bytes): The directory with the tags of :data:`DECODING` only, and no further
            pictures. For 16 bits with 0 as white it says that 0 is black, see
            :func:`read_directory`.
    """
    values: dict[int, tuple[int, ...]]
    pages: int
    start: int
    slim: bytes

    def first(self, tag: int, default: int) -> int:
        """Return a tag's first value."""
        return self.values.get(tag, (default,))[0]

    @property
    def bits(self) -> int:
        """int: Bits a sample."""
        return self.first(BITS, 1)

    @property
    def is_white_zero(self) -> bool:
        """bool: Whether 0 is white."""
        return self.first(PHOTOMETRIC, BLACK_IS_ZERO) == WHITE_IS_ZERO

    @property
    def is_lossy(self) -> bool:
        """bool: Whether compression has changed the values."""
        return self.first(COMPRESSION, UNCOMPRESSED) in LOSSY

    def __str__(self) -> str:
        kinds = {UNSIGNED: 'whole', SIGNED: 'signed', FLOAT: 'floating-point'}
        bits = self.values.get(BITS, (1,))
        number = kinds.get(self.first(SAMPLE_FORMAT, UNSIGNED), 'other')
        return (f'a TIFF of {"/".join(map(str, sorted(set(bits))))}-bit {number} numbers, '
                f'{self.first(SAMPLES, len(bits))} a pixel, PhotometricInterpretation '
                f'{self.first(PHOTOMETRIC, -1)}, Compression '
                f'{self.first(COMPRESSION, UNCOMPRESSED)}')

    def why_not(self) -> str | None:
        """Say why Pillow would read the pixels wrongly; None if it reads them well."""
        number = self.first(SAMPLE_FORMAT, UNSIGNED)
        is_plain = self.first(COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED
        if PHOTOMETRIC not in self.values:
            return 'it does not say whether 0 is black or white (no PhotometricInterpretation)'
        if self.bits not in READ_BITS:
            return f'its numbers have {self.bits} bits'
        if number == SIGNED and self.bits == 8:
            return 'its numbers are signed'
        if number == FLOAT and self.is_white_zero:
            return '0 is white and its numbers are floating-point ones'
        if self.first(PLANAR, 1) == 2 and is_plain and (
                self.bits != 8 or self.first(FILL_ORDER, 1) != 1):
            return 'its channels are stored one after the other (PlanarConfiguration 2)'
        if self.first(PHOTOMETRIC, BLACK_IS_ZERO) == YCC and is_plain and (
                self.values.get(SUBSAMPLING, (1, 1)) != (1, 1)):
            return 'its colours are coarser than its light (YCbCrSubSampling) and not compressed'
        if self.first(PHOTOMETRIC, BLACK_IS_ZERO) == CMYK and self.first(INK_SET, 1) != 1:
            return 'its inks are not cyan, magenta, yellow and black (InkSet)'
        return None

    def palette(self) -> list[int] | None:
        """Return the palette if its colours have 8 bits instead of 16, else None.

        Some programs write it so, and Pillow would show it nearly black.
        """
        colors = self.values.get(COLORMAP, ())
        if self.first(PHOTOMETRIC, BLACK_IS_ZERO) != PALETTE or max(colors, default=256) > 255:
            return None
        third = len(colors) // 3
        return [value for color in zip(*(colors[start:start + third]
                                         for start in (0, third, 2 * third))) for value in color]


def read_directory(file: BinaryIO) -> Directory | None:
    """Read a TIFF's first directory; returns None if the file is no TIFF.

    Raises:
        struct.error: If the file ends inside a directory.
    """
    file.seek(0)
    magic = file.read(4)
    kind = {b'II*\0': ('<', False), b'MM\0*': ('>', False), b'II\0*': ('<', False),
            b'MM*\0': ('>', False), b'II+\0': ('<', True), b'MM\0+': ('>', True)}.get(magic)
    if kind is None:
        return None
    reader = _Reader(file, *kind)
    start = reader.first_directory()
    entries, next_start = reader.entries(start)
    pages, seen = 1, {start}
    while 0 < next_start and next_start not in seen and len(seen) < MOST_PAGES:
        seen.add(next_start)
        page, next_start = reader.entries(next_start)
        reduced = next((reader.values(entry)[:1] for entry in page if entry.tag == KIND_OF_PAGE),
                       (0,))
        pages += reduced not in ((1,), (4,), (5,))
    values = {entry.tag: reader.values(entry) for entry in entries if entry.tag in DESCRIBING}
    values = {tag: numbers for tag, numbers in values.items() if numbers}
    needed = [entry for entry in entries if entry.tag in DECODING]
    if values.get(BITS) == (16,) and values.get(PHOTOMETRIC) == (WHITE_IS_ZERO,):
        # Pillow reads this in one byte order only and does not invert it; the caller does.
        needed = [reader.black_is_zero() if entry.tag == PHOTOMETRIC else entry
                  for entry in needed]
    return Directory(values, pages, start, reader.pack(needed))


@dataclass(frozen=True)
class _Entry:
    tag: int
    kind: int
    count: int
    field: bytes
    raw: bytes


class _Reader:
    """Directories of a TIFF or a BigTIFF."""

    def __init__(self, file: BinaryIO, order: str, is_big: bool) -> None:
        self._file, self._order, self._is_big = file, order, is_big
        self._long = order + ('Q' if is_big else 'I')
        self._count = order + ('Q' if is_big else 'H')
        self._entry = order + ('HHQ8s' if is_big else 'HHI4s')

    def _read(self, code: str, place: int | None = None) -> tuple:
        if place is not None:
            self._file.seek(place)
        return struct.unpack(code, self._file.read(struct.calcsize(code)))

    def first_directory(self) -> int:
        return self._read(self._long, 8 if self._is_big else 4)[0]

    def entries(self, start: int) -> tuple[list[_Entry], int]:
        """Return a directory's entries and the offset of the next directory; 0 if none."""
        [count] = self._read(self._count, start)
        if count > 2**16:
            raise struct.error(f'a directory of {count} entries')
        found = []
        for _ in range(count):
            raw = self._file.read(struct.calcsize(self._entry))
            tag, kind, number, field = struct.unpack(self._entry, raw)
            found.append(_Entry(tag, kind, number, field, raw))
        following = self._file.read(struct.calcsize(self._long))
        try:
            return found, struct.unpack(self._long, following)[0]
        except struct.error:  # the file ends here: there is no next one
            return found, 0

    def values(self, entry: _Entry) -> tuple[int, ...]:
        """Return an entry's values; empty if they are no whole numbers, or outside the file."""
        if entry.kind not in WHOLE_NUMBERS or not 0 < entry.count <= MOST_VALUES:
            return ()
        code = f'{self._order}{entry.count}{WHOLE_NUMBERS[entry.kind]}'
        try:
            if struct.calcsize(code) <= len(entry.field):
                return struct.unpack_from(code, entry.field)
            return self._read(code, struct.unpack(self._long, entry.field)[0])
        except (struct.error, OSError, OverflowError):
            return ()

    def black_is_zero(self) -> _Entry:
        """Return an entry PhotometricInterpretation that says that 0 is black."""
        size = 8 if self._is_big else 4
        field = struct.pack(self._order + 'H', BLACK_IS_ZERO).ljust(size, b'\0')
        raw = struct.pack(self._entry, PHOTOMETRIC, 3, 1, field)
        return _Entry(PHOTOMETRIC, 3, 1, field, raw)

    def pack(self, entries: list[_Entry]) -> bytes:
        return b''.join([struct.pack(self._count, len(entries)), *(entry.raw for entry in entries),
                         struct.pack(self._long, 0)])


class SlimTiff(io.RawIOBase):
    """A view of a TIFF with its slim directory in place of the full one.

    Args:
        file (BinaryIO): The TIFF; it is not changed.
        directory (Directory): Its first directory.
    """

    def __init__(self, file: BinaryIO, directory: Directory) -> None:
        self._file, self._start, self._slim = file, directory.start, directory.slim
        self._file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        place = self._file.tell()
        content = self._file.read(len(buffer))
        buffer[:len(content)] = content
        first = max(self._start, place)
        last = min(self._start + len(self._slim), place + len(content))
        if first < last:
            buffer[first - place:last - place] = (
                self._slim[first - self._start:last - self._start])
        return len(content)
