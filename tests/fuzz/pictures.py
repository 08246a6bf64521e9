"""Image files of many kinds, whole and broken, and what is in them by a second reader."""
from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageFile
from tiff_files import tiff

from .damage import Rng, chance, damage_bytes, pick

Image.MAX_IMAGE_PIXELS = None  # the oracle's; the library has a limit of its own
ImageFile.MAXBLOCK = 2**24  # else noise in a progressive JPEG may be too much for Pillow to write
FORMATS = 'PNG', 'JPEG', 'WEBP', 'TIFF', 'BMP', 'PPM', 'GIF'
ORACLE_PIXELS = 2**26
MODES = {
    'PNG': ('RGB', 'RGB', 'L', 'LA', 'RGBA', 'P', '1', 'I;16', 'deep'),
    'JPEG': ('RGB', 'RGB', 'L', 'CMYK'),
    'WEBP': ('RGB', 'RGBA'),
    'TIFF': ('RGB', 'L', 'LA', 'RGBA', 'P', '1', 'CMYK', 'YCbCr', 'LAB', 'I;16', 'I', 'F', 'deep'),
    'BMP': ('RGB', 'L', 'P', '1', 'RGBA'),
    'PPM': ('RGB', 'L', '1', 'I;16', 'deep'),
    'GIF': ('P', 'L', 'RGB'),
}
EXACT = 'PNG', 'TIFF', 'BMP', 'PPM'
"""Formats that keep every value of RGB and grey pixels."""


@dataclass
class Picture:
    """A file's content and what is known of it; ``pixels`` is RGB where no damage was done.

    One that is not ``whole`` may be refused. ``sure``: Pillow alone may read it wrongly.
    """
    content: bytes
    kind: str
    whole: bool = True
    pixels: np.ndarray | None = None
    sure: bool = False


def random_size(rng: Rng) -> tuple[int, int]:
    """(height, width)"""
    size = int(rng.integers(1, 80)), int(rng.integers(1, 80))
    odd = (1, 1), (1, 50_000), (50_000, 1), (1, size[1]), (size[0], 1)
    return pick(rng, odd) if chance(rng, .15) else size


def random_pixels(rng: Rng, size: tuple[int, int], channels: int = 3) -> np.ndarray:
    """Blocks of noise on a gradient, uint8 (H, W, channels)."""
    rows, columns = np.mgrid[:size[0], :size[1]]
    base = (rows * 3 + columns * 2) % 256
    noise = rng.integers(0, 60, (*size, channels))
    return ((base[..., None] + noise * (rng.random() < .7)) % 256).astype(np.uint8)


def random_picture(rng: Rng, damage: float = .6) -> Picture:
    """An image file; broken in this share of the cases."""
    file_format = pick(rng, FORMATS)
    picture = _bomb(rng) if chance(rng, .05) else _whole(rng, file_format)
    if chance(rng, .15):
        return pick(rng, (_deep_tiff, _odd_exif))(rng)
    if chance(rng, damage):
        if chance(rng, .2):
            picture.content = huge_size(rng, picture.content)
        else:
            picture.content = damage_bytes(rng, picture.content)
        picture.whole, picture.pixels = False, None
    return picture


def encode(pixels: np.ndarray, file_format: str = 'PNG', **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, file_format, **options)
    return buffer.getvalue()


def _whole(rng: Rng, file_format: str) -> Picture:
    mode = pick(rng, MODES[file_format])
    height, width = random_size(rng)
    most = 16_383 if file_format == 'WEBP' else 50_000
    pixels = random_pixels(rng, (min(height, most), min(width, most)))
    kind = f'{file_format} {mode}'
    if mode == 'deep':
        return _deep(rng, file_format, pixels, kind)
    if mode in ('I;16', 'I', 'F'):
        values = pixels[..., 0].astype(np.uint32) * 256 + pixels[..., 1]
        image = Image.fromarray(values.astype(
            {'I;16': np.uint16, 'I': np.int32, 'F': np.float32}[mode]))
        known = np.repeat(pixels[..., :1], 3, 2) if mode == 'I;16' else None
    elif mode == 'LAB':  # not every Pillow converts to it, but all write and read it
        image, known = Image.frombytes('LAB', pixels.shape[1::-1], pixels.tobytes()), None
    else:
        image = Image.fromarray(pixels)
        image = image.convert(mode) if mode != 'RGB' else image
        known = np.array(image.convert('RGB')) if mode in ('RGB', 'L', 'RGBA', 'LA', '1') else None
    options, oriented = _options(rng, file_format, mode, image.size)
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    frames = options.get('save_all')
    if file_format not in EXACT and not (file_format == 'WEBP' and options.get('lossless')
                                         and mode == 'RGB'):
        known = None
    return Picture(buffer.getvalue(), kind + (' frames' if frames else ''), True,
                   None if oriented or frames or 'compression' in options else known)


def _deep(rng: Rng, file_format: str, pixels: np.ndarray, kind: str) -> Picture:
    """16 bits a channel, which Pillow does not write."""
    suffix = dict(PNG='.png', TIFF='.tif', PPM='.ppm')[file_format]
    low = rng.integers(0, 256, pixels.shape)
    deep = (pixels.astype(np.uint16) * 256 + low).astype(np.uint16)
    content = cv2.imencode(suffix, deep[..., ::-1])[1].tobytes()
    return Picture(content, kind, True, None if file_format == 'PPM' else pixels)


def _deep_tiff(rng: Rng) -> Picture:
    """Any number of bits, 0 black or white, planes, byte and bit orders: many are refused."""
    bits = pick(rng, (1, 2, 4, 8, 10, 12, 14, 16, 24, 32))
    channels = pick(rng, (1, 1, 3))
    light = random_pixels(rng, random_size(rng), channels).astype(np.int64)
    stored = light >> (8 - bits) if bits < 8 else light << (bits - 8)
    photometric = 2 if channels == 3 else pick(rng, (0, 1))
    content = tiff(stored if photometric else 2**bits - 1 - stored, bits, photometric,
                   pick(rng, '<>'), deflate=chance(rng, .3), fill_order=pick(rng, (1, 1, 2)),
                   planar=pick(rng, (1, 2)) if channels == 3 else 1,
                   rows=pick(rng, (len(stored), 7)))
    pixels = stored * 255 // (2**bits - 1) if bits < 8 else light
    pixels = np.repeat(pixels, 3 // channels, axis=2).astype(np.uint8)
    return Picture(content, f'TIFF of {bits} bits, photometric {photometric}', False, pixels, True)


def _odd_exif(rng: Rng) -> Picture:
    """A photograph to be turned, with entries beside the orientation that mean nothing."""
    content = encode(random_pixels(rng, (24, 40)), 'JPEG', quality=90)
    orientation, order = int(rng.integers(0, 10)), pick(rng, '<>')
    kind = pick(rng, (3, 4))
    entries = [struct.pack(order + 'HHI', 0x112, kind, 1) + struct.pack(
        order + 'HI'[kind - 3], orientation).ljust(4, b'\0')]
    entries += [struct.pack(order + 'HHII', int(tag) + 300, int(rng.integers(0, 20)),
                            int(pick(rng, (0, 1, 2, 9, 2**31, 2**32 - 1))),
                            int(rng.integers(0, 2**32)))
                for tag in rng.integers(0, 60_000, rng.integers(0, 6))]
    rng.shuffle(entries)
    exif = ((b'II*\0' if order == '<' else b'MM\0*') + struct.pack(order + 'IH', 8, len(entries))
            + b''.join(entries) + bytes(rng.integers(0, 256, rng.integers(0, 40)).tolist()))
    segment = b'Exif\0\0' + exif
    segment = b'\xff\xe1' + struct.pack('>H', len(segment) + 2) + segment
    return Picture(content[:2] + segment + content[2:],
                   f'JPEG, orientation {orientation}, odd EXIF', True,
                   _turned(decoded(content), orientation), True)


def _options(rng: Rng, file_format: str, mode: str, size: tuple) -> tuple[dict, bool]:
    options, oriented = {}, False
    if file_format in ('PNG', 'JPEG', 'WEBP') and mode != 'I;16' and chance(rng, .25):
        exif = Image.Exif()
        exif[0x112] = int(rng.integers(0, 10))  # 1 to 8 mean something
        options['exif'], oriented = exif, exif[0x112] in range(2, 9)
    if file_format in ('PNG', 'GIF', 'WEBP', 'TIFF') and mode == 'RGB' and chance(rng, .2):
        options.update(save_all=True, append_images=[Image.new('RGB', size, 'red')])
    if file_format == 'JPEG':
        options.update(quality=int(rng.integers(5, 100)), progressive=chance(rng, .3))
    if file_format == 'WEBP':
        options['lossless'] = chance(rng, .5)
    if file_format == 'TIFF' and mode in ('RGB', 'L') and chance(rng, .5):
        options['compression'] = pick(rng, ('tiff_lzw', 'tiff_adobe_deflate', 'packbits', 'jpeg'))
    return options, oriented


def _bomb(rng: Rng) -> Picture:
    """A small file that holds much, where readers may not look: it must not be unpacked."""
    content = encode(random_pixels(rng, (8, 8)))
    packed = _much_in_little()
    kind = pick(rng, (b'zTXt', b'iCCP', b'iTXt'))
    body = dict(zTXt=b'a\0\0', iCCP=b'a\0\0', iTXt=b'a\0\1\0\0\0')[kind.decode()] + packed
    chunk = struct.pack('>I', len(body)) + kind + body + struct.pack(
        '>I', zlib.crc32(kind + body))
    place = 33 if chance(rng, .5) else len(content) - 12  # after IHDR, or before IEND
    return Picture(content[:place] + chunk + content[place:], f'PNG {kind.decode()} bomb', False)


@lru_cache(maxsize=1)
def _much_in_little() -> bytes:
    return zlib.compress(b'\0' * 50_000_000, 9)  # 49 kB


def huge_size(rng: Rng, content: bytes) -> bytes:
    """Declare another size in the header, with a right checksum where there is one."""
    width, height = (int(pick(rng, (0, 1, 7, 1000, 20_000, 65_535, 2**20, 2**31 - 1, 2**32 - 1)))
                     for _ in range(2))
    data = bytearray(content)
    if content.startswith(b'\x89PNG') and len(data) > 33:
        data[16:24] = struct.pack('>II', width, height)
        data[29:33] = struct.pack('>I', zlib.crc32(bytes(data[12:29])))
    elif content.startswith(b'BM') and len(data) > 26:
        data[18:26] = struct.pack('<II', width, height)
    elif content.startswith(b'GIF8') and len(data) > 10:
        data[6:10] = struct.pack('<HH', width & 0xffff, height & 0xffff)
    elif content[:2] in (b'P4', b'P5', b'P6'):
        return content[:2] + b' %d %d 255\n' % (width, height) + content[15:]
    elif content.startswith(b'\xff\xd8'):
        place = max(content.find(b'\xff\xc0'), content.find(b'\xff\xc2'))
        if 0 < place < len(data) - 9:
            data[place + 5:place + 9] = struct.pack('>HH', height & 0xffff, width & 0xffff)
    elif content[:4] in (b'II*\0', b'MM\0*'):
        order = '<' if content[:2] == b'II' else '>'
        [place] = struct.unpack(order + 'I', content[4:8])
        for tag, value in ((256, width), (257, height)):
            entry = content.find(struct.pack(order + 'H', tag), place)
            if 0 < entry < len(data) - 12:
                data[entry + 2:entry + 12] = struct.pack(order + 'HII', 4, 1, value)
    elif content[8:16] == b'WEBPVP8 ' and len(data) > 30:
        data[26:30] = struct.pack('<HH', width & 0x3fff, height & 0x3fff)
    return bytes(data)


def decoded(content: bytes, grey: bool = False) -> np.ndarray | None:
    """What Pillow alone decodes: RGB (or, if ``grey``, one channel as it is stored); else None.

    Also None where the pixels are too many to be compared, or the file is no still picture.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            if image.width * image.height > ORACLE_PIXELS:
                return None
            stretched_to = _stretched_to(image)
            image.load()
            if image.format not in ('MPO', 'GIF') and getattr(image, 'n_frames', 1) > 1:
                return None
            if image.format == 'GIF':
                image.seek(0)
            pixels = _pixels(image, grey)
            if grey and image.mode == 'L' and stretched_to:
                pixels = np.round(pixels / 255 * stretched_to).astype(np.uint8)
            return _turned(pixels, _orientation(image))
        except Exception:
            return None


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(0x112, 1)
    except Exception:  # a block that is broken says nothing
        return 1


def _stretched_to(image: Image.Image) -> int:
    """Of a PGM with a largest value of its own: that. Pillow stretches it to 255."""
    arguments = image.tile[0][3] if image.format == 'PPM' else ()
    return arguments[-1] if isinstance(arguments, tuple) and arguments[-1:] > (0,) else 0


def _pixels(image: Image.Image, grey: bool) -> np.ndarray:
    if grey:
        if (image.mode not in ('L', 'P') or image.format in ('JPEG', 'MPO')
                or image.info.get('compression') == 'jpeg'):
            raise ValueError('no label map')
        return np.array(image)
    if image.mode.startswith('I;16') or (image.mode == 'I' and image.format in ('PNG', 'PPM')):
        return np.repeat((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)[..., None],
                         3, axis=2)
    if image.mode in ('I', 'F'):
        raise ValueError('32 bits')
    return np.array(image.convert('RGB'))


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    turns = {2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1],
             5: lambda x: x.swapaxes(0, 1), 6: lambda x: np.rot90(x, -1),
             7: lambda x: x[::-1, ::-1].swapaxes(0, 1), 8: np.rot90}
    return turns.get(orientation, lambda x: x)(pixels)
