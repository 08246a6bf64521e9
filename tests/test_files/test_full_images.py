"""Images with 16 bits, alpha, grey and profiles, against files that are packed by hand here."""
from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from mmdesra.files import ImageError, read_image
from mmdesra.files.exif import TURNS
from mmdesra.files.full_images import FullImage, read_full_image, write_full_image

COLOUR_TYPES = {1: 0, 3: 2, 2: 4, 4: 6}
"""Of PNG, by the number of channels."""


def values(shape, dtype=np.uint16, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype)


def chunk(kind, body):
    return struct.pack('>I', len(body)) + kind + body + struct.pack(
        '>I', zlib.crc32(kind + body))


def png(pixels, *chunks):
    """A PNG of 16 bits, (H, W, C), with these chunks before the pixels."""
    height, width, channels = pixels.shape
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in pixels)
    header = struct.pack('>IIBBBBB', width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)
    return b''.join([b'\x89PNG\r\n\x1a\n', chunk(b'IHDR', header), *chunks,
                     chunk(b'IDAT', zlib.compress(rows)), chunk(b'IEND', b'')])


@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_a_png_keeps_all_its_16_bits_and_comes_back(tmp_path, channels):
    stored = values((5, 7, channels))
    path = tmp_path / 'a.png'
    path.write_bytes(png(stored))
    image = read_full_image(path)
    is_grey, has_alpha = channels < 3, channels in (2, 4)
    np.testing.assert_array_equal(image.pixels, stored[..., 0] if is_grey else stored[..., :3])
    assert (image.alpha is not None) == has_alpha
    if has_alpha:
        np.testing.assert_array_equal(image.alpha, stored[..., -1])
    np.testing.assert_array_equal(read_image(path)[..., 0], stored[..., 0] >> 8)
    write_full_image(tmp_path / 'b.png', image)
    again = read_full_image(tmp_path / 'b.png')
    np.testing.assert_array_equal(again.rgb, image.rgb)
    if has_alpha:
        np.testing.assert_array_equal(again.alpha, image.alpha)
    assert again.pixels.ndim == image.pixels.ndim


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_opencv_and_we_read_the_same(tmp_path, channels, suffix):
    stored = values((6, 4, channels))
    path = tmp_path / f'a{suffix}'
    cv2.imwrite(str(path), stored)
    image = read_full_image(path)
    wanted = stored[..., 0] if channels == 1 else stored[..., 2::-1]
    np.testing.assert_array_equal(image.pixels, wanted)
    write_full_image(tmp_path / f'b{suffix}', image)
    back = cv2.imread(str(tmp_path / f'b{suffix}'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(back.reshape(stored.shape), stored)


@pytest.mark.parametrize('orientation', [1, *TURNS])
def test_16_bits_are_turned_as_8_are(tmp_path, orientation):
    stored = values((5, 8, 3), seed=orientation)
    exif = Image.Exif()
    exif[0x112] = orientation
    path = tmp_path / 'a.png'
    path.write_bytes(png(stored, chunk(b'eXIf', exif.tobytes()[6:])))
    image = read_full_image(path)
    np.testing.assert_array_equal(image.pixels >> 8, read_image(path))
    assert image.pixels.shape == ((8, 5, 3) if orientation > 4 else (5, 8, 3))


def test_one_transparent_colour_becomes_alpha(tmp_path):
    stored = values((5, 7, 3))
    stored[1, 2] = stored[3, 3] = [1000, 2000, 3000]
    path = tmp_path / 'a.png'
    path.write_bytes(png(stored, chunk(b'tRNS', struct.pack('>3H', 1000, 2000, 3000))))
    alpha = read_full_image(path).alpha
    assert alpha.dtype == np.uint16
    assert np.argwhere(alpha == 0).tolist() == [[1, 2], [3, 3]]
    assert set(np.unique(alpha)) == {0, 65535}


@pytest.mark.parametrize('mode, is_grey, has_alpha', [
    ('1', True, False), ('L', True, False), ('LA', True, True), ('RGB', False, False),
    ('RGBA', False, True), ('P', False, False), ('CMYK', False, False)])
def test_8_bits(tmp_path, mode, is_grey, has_alpha):
    shape = {'RGBA': (5, 7, 4), 'LA': (5, 7, 2), 'L': (5, 7)}.get(mode, (5, 7, 3))
    image = Image.fromarray(values(shape, np.uint8))
    image = image if image.mode == mode else image.convert(mode)
    path = tmp_path / ('a.tif' if mode == 'CMYK' else 'a.png')
    image.save(path)
    found = read_full_image(path)
    assert not found.is_deep and found.pixels.ndim == (2 if is_grey else 3)
    assert (found.alpha is not None) == has_alpha
    np.testing.assert_array_equal(found.rgb, read_image(path))
    if has_alpha:
        np.testing.assert_array_equal(found.alpha, np.asarray(image)[..., -1])
    for suffix in ('.png', '.tif', '.webp'):
        write_full_image(tmp_path / f'b{suffix}', found, quality=100)
        again = read_full_image(tmp_path / f'b{suffix}')
        assert (again.alpha is not None) == has_alpha
        if suffix != '.webp':
            np.testing.assert_array_equal(again.pixels, found.pixels)


def test_the_transparency_of_a_palette_becomes_alpha(tmp_path):
    image = Image.fromarray(values((5, 7, 3), np.uint8)).quantize(4)
    image.save(tmp_path / 'a.png', transparency=2)
    found = read_full_image(tmp_path / 'a.png')
    np.testing.assert_array_equal(found.alpha == 0, np.asarray(image) == 2)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_the_colour_profile_is_kept(tmp_path, dtype):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    pixels = values((5, 7, 3), dtype)
    write_full_image(tmp_path / 'a.png', FullImage(pixels, profile=profile))
    found = read_full_image(tmp_path / 'a.png')
    assert found.profile == profile
    np.testing.assert_array_equal(found.pixels, pixels)
    write_full_image(tmp_path / 'a.jpg', found.shallow())
    assert read_full_image(tmp_path / 'a.jpg').profile == profile


def test_16_bits_are_rounded_to_8():
    pixels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    shallow = FullImage(pixels).shallow().pixels
    np.testing.assert_array_equal(shallow, np.round(pixels / 257).astype(np.uint8))


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    deep = FullImage(values((5, 7, 3)))
    clear = FullImage(values((5, 7), np.uint8), alpha=values((5, 7), np.uint8))
    for image in (deep, clear):
        with pytest.raises(ValueError, match='cannot be written'):
            write_full_image(tmp_path / 'a.jpg', image)
    long = FullImage(np.zeros((1, 16384), np.uint8))
    with pytest.raises(ImageError, match=r'16384x1 px cannot be written as .webp .*\.png'):
        write_full_image(tmp_path / 'a.webp', long)
    assert not [*tmp_path.iterdir()]


def test_floating_point_numbers_are_refused_as_everywhere(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / 'a.tif')
    with pytest.raises(ImageError, match='whole numbers'):
        read_full_image(tmp_path / 'a.tif')
