"""Only the orientation of a photograph's EXIF matters, whatever else the block holds."""
from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmdesra.files import decoding, read_image
from mmdesra.files.exif import find_orientation

ROWS, COLUMNS = np.mgrid[:32, :48]
SCENE = np.stack([COLUMNS * 5, ROWS * 7, (ROWS + COLUMNS) * 3], -1).clip(0, 255).astype(np.uint8)
ORIENTATION = 0x112

UPRIGHT = {
    1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1), 6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1), 8: np.rot90,
}
CODES = {1: 'B', 3: 'H', 4: 'I', 6: 'b', 8: 'h', 9: 'i', 13: 'I'}


def entry(value, kind=3, order='<', count=1):
    return ORIENTATION, kind, count, struct.pack(order + CODES[kind], value)


def block(*entries, order='<', start=8):
    """EXIF with these (tag, type, count, data); data of more than 4 bytes stands behind."""
    behind, table = b'', struct.pack(order + 'H', len(entries))
    for tag, kind, count, data in entries:
        field = data.ljust(4, b'\0')
        if len(data) > 4:
            field = struct.pack(order + 'I', start + 2 + 12 * len(entries) + 4 + len(behind))
            behind += data
        table += struct.pack(order + 'HHI', tag, kind, count) + field
    head = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(order + 'I', start)
    return head.ljust(start, b'\0') + table + struct.pack(order + 'I', 0) + behind


def jpeg(exif):
    buffer = io.BytesIO()
    Image.fromarray(SCENE).save(buffer, 'JPEG', quality=95)
    content, segment = buffer.getvalue(), b'Exif\0\0' + exif
    return (content[:2] + b'\xff\xe1' + struct.pack('>H', len(segment) + 2) + segment
            + content[2:])


def png(exif, kind=b'eXIf'):
    buffer = io.BytesIO()
    Image.fromarray(SCENE).save(buffer, 'PNG')
    content, body = buffer.getvalue(), kind + exif
    return (content[:33] + struct.pack('>I', len(exif)) + body
            + struct.pack('>I', zlib.crc32(body)) + content[33:])


def webp(exif):
    buffer = io.BytesIO()
    Image.fromarray(SCENE).save(buffer, 'WEBP', lossless=True)
    pixels = buffer.getvalue()[12:]
    height, width = SCENE.shape[:2]
    head = struct.pack('<4sIB3x', b'VP8X', 10, 8) + b''.join(
        (side - 1).to_bytes(3, 'little') for side in (width, height))
    chunks = b'WEBP' + head + pixels + struct.pack('<4sI', b'EXIF', len(exif)) + exif + b'\0' * (
        len(exif) % 2)
    return struct.pack('<4sI', b'RIFF', len(chunks)) + chunks


def read(folder, content):
    (folder / 'photo.img').write_bytes(content)
    return read_image(folder / 'photo.img')


def by_opencv(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


ODD = {
    'a negative resolution': (0x11a, 10, 1, struct.pack('<ii', -72, 1)),
    'a resolution over 0': (0x11a, 5, 1, struct.pack('<II', 72, 0)),
    'a negative number where none can be': (0x128, 8, 1, struct.pack('<h', -3)),
    'a resolution of text': (0x11a, 2, 4, b'72\0\0'),
    'a resolution of two numbers': (0x11a, 3, 2, struct.pack('<HH', 72, 72)),
    'not a number': (0x11a, 11, 1, struct.pack('<f', float('nan'))),
    'a text of 4 GB': (0x10f, 2, 0xfffffff0, b'\1\2\3\4'),
    'numbers outside': (0x11a, 5, 1, b'\xff\xff\xff\x7f'),
    'an unknown type': (0x10f, 99, 1, b'abcd'),
    'type 0': (0x10f, 0, 1, b'abcd'),
    'nothing': (0x11a, 5, 0, b''),
    'a negative place': (0x8825, 9, 1, struct.pack('<i', -8)),
    'a directory outside': (0x8769, 4, 1, b'\xff\xff\xff\x7f'),
    'a directory that is this one': (0x8769, 4, 1, struct.pack('<I', 8)),
    'a width of text': (0x100, 2, 4, b'abc\0'),
    'a maker note cut off': (0x927c, 7, 100, b'\1' * 20),
    'text that is not ASCII': (0x10f, 2, 6, '日本'.encode()),
    'BigTIFF numbers': (0x10f, 16, 1, struct.pack('<q', -1)),
}


@pytest.mark.filterwarnings('ignore::UserWarning:PIL')  # Pillow looks for a resolution in it
@pytest.mark.parametrize('make', [jpeg, png, webp])
@pytest.mark.parametrize('odd', ODD.values(), ids=ODD)
def test_other_entries_do_not_matter(tmp_path, make, odd):
    plain = read(tmp_path, make(block(entry(1))))
    for entries in ([entry(6), odd], [odd, entry(6)]):
        np.testing.assert_array_equal(read(tmp_path, make(block(*entries))), np.rot90(plain, -1))
    np.testing.assert_array_equal(
        by_opencv(jpeg(block(entry(6), odd))),  # it gives up at some that come before
        np.rot90(by_opencv(jpeg(block())), -1))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_entries_around_the_orientation_do_not_matter(data):
    odd = st.tuples(st.integers(0, 65535).filter(lambda tag: tag != ORIENTATION),
                    st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=20))
    before, after = (data.draw(st.lists(odd, max_size=4)) for _ in range(2))
    order, kind = data.draw(st.sampled_from('<>')), data.draw(st.sampled_from([3, 4]))
    orientation = data.draw(st.integers(0, 12))
    exif = block(*before, entry(orientation, kind, order), *after, order=order,
                 start=data.draw(st.sampled_from([8, 10, 26])))
    expected = orientation if orientation in UPRIGHT else 1
    assert find_orientation(exif) == find_orientation(b'Exif\0\0' + exif) == expected
    cut = exif[:data.draw(st.integers(0, len(exif)))]
    assert find_orientation(cut) in (1, expected)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_no_error(data):
    for start in (b'', b'II*\0', b'MM\0*', b'II*\0\x08\0\0\0', b'Exif\0\0II*\0\x08\0\0\0'):
        assert find_orientation(start + data) in range(1, 9)


@pytest.mark.parametrize('make', [jpeg, png, webp])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_every_orientation_is_applied(tmp_path, make, orientation):
    content = make(block(entry(orientation)))
    plain = read(tmp_path, make(block()))
    found = read(tmp_path, content)
    np.testing.assert_array_equal(found, UPRIGHT[orientation](plain))
    if make is not webp:  # of which OpenCV reads no EXIF
        np.testing.assert_array_equal(found, by_opencv(content))


@pytest.mark.parametrize('kind', CODES)
@pytest.mark.parametrize('order', '<>')
def test_the_orientation_may_be_of_any_type_of_whole_numbers(kind, order):
    assert find_orientation(block(entry(6, kind, order), order=order)) == 6


@pytest.mark.parametrize('exif, expected', [
    (block(entry(0)), 1), (block(entry(9)), 1), (block(entry(65535)), 1),
    (block((ORIENTATION, 2, 2, b'6\0')), 1),
    (block((ORIENTATION, 3, 2, struct.pack('<HH', 6, 3))), 6),
    (block((ORIENTATION, 3, 3, struct.pack('<HHH', 6, 6, 6))), 6),
    (block((ORIENTATION, 3, 9, b'\xff\xff\xff\x7f')), 1),  # the values are outside
    (block((ORIENTATION, 3, 0, struct.pack('<H', 6))), 6),
    (block(entry(6), entry(3)), 6),
    (b'', 1), (b'XX' + block(entry(6))[2:], 1), (b'MM' + block(entry(6))[2:], 1),
    (block(entry(6))[:4] + struct.pack('<I', 9999), 1),
    (block(entry(6))[:8] + struct.pack('<H', 500) + block(entry(6))[10:], 6),
    (b'Exif\0\0Exif\0\0' + block(entry(6)), 6),
])
def test_odd_orientations(exif, expected):
    assert find_orientation(exif) == expected


def test_the_profile_that_imagemagick_writes_is_read(tmp_path):
    exif = b'Exif\0\0' + block(entry(6))
    text = f'\nexif\n{len(exif):8}\n{exif.hex()}\n'
    for profile, expected in ((text, np.rot90(SCENE, -1)), (text[:-4] + 'zz', SCENE)):
        content = png(b'Raw profile type exif\0' + profile.encode(), b'tEXt')
        np.testing.assert_array_equal(read(tmp_path, content), expected)


def test_an_orientation_of_xmp_is_ignored_as_opencv_does(tmp_path):
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation="6"/>'
    plain = jpeg(block())
    content = plain[:2] + b'\xff\xe1' + struct.pack('>H', len(xmp) + 2) + xmp + plain[2:]
    np.testing.assert_array_equal(read(tmp_path, content), by_opencv(content))
    assert read(tmp_path, content).shape == SCENE.shape


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'LA', 'RGBA', 'CMYK', 'I;16'])
def test_every_mode_is_turned(tmp_path, mode):
    suffix = '.jpg' if mode == 'CMYK' else '.png'
    source = Image.fromarray(SCENE)
    image = (Image.fromarray(SCENE[..., 0].astype(np.uint16) * 256) if mode == 'I;16'
             else source.quantize(9) if mode == 'P' else source.convert(mode))
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    image.save(tmp_path / f'plain{suffix}')
    image.save(tmp_path / f'turned{suffix}', exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / f'turned{suffix}'),
                                  np.rot90(read_image(tmp_path / f'plain{suffix}')))


@pytest.mark.skipif(not decoding.HAS_AVIF, reason='this Pillow is built without AVIF')
@pytest.mark.parametrize('orientation', range(1, 9))
def test_an_avif_is_turned_once(tmp_path, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(SCENE).save(tmp_path / 'photo.avif', quality=95, exif=exif)
    found = read_image(tmp_path / 'photo.avif').astype(int)
    expected = UPRIGHT[orientation](SCENE)
    assert found.shape == expected.shape and np.abs(found - expected).mean() < 5
