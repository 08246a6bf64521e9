from __future__ import annotations

import io
import logging
import os
import struct
import subprocess
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmdesra.files import (
    ImageError,
    collect_images,
    decoding,
    read_image,
    read_labels,
    read_mask,
    write_image,
    write_map,
    write_mask,
)
from mmdesra.files.images import WRITTEN_SUFFIXES

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 17), dtype=np.uint8)
RGB = RNG.integers(0, 256, (12, 17, 3), dtype=np.uint8)
THREE_GREYS = np.dstack([GREY] * 3)
BLOCKS = np.kron(RGB // 4 * 4, np.ones((8, 8, 1), np.uint8))  # survives JPEG


def deep(pixels):
    """16 bits with this upper byte, and a lower byte that rounding would carry over."""
    return pixels.astype(np.uint16) * 256 + 200


def save(path, image, **options):
    image.save(path, **options)
    return path


def save_by_opencv(path, pixels):
    assert cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    return path


@pytest.mark.parametrize('mode, expected', [
    ('L', THREE_GREYS), ('LA', THREE_GREYS), ('RGB', RGB), ('RGBA', RGB),
    ('1', (THREE_GREYS >= 128) * np.uint8(255)),
])
@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_every_mode_becomes_rgb(tmp_path, mode, expected, suffix):
    source = Image.fromarray(RGB if mode.startswith('RGB') else GREY)
    image = Image.fromarray(GREY >= 128) if mode == '1' else source.convert(mode)
    if mode.endswith('A'):
        image.putalpha(Image.fromarray(GREY))  # also where transparent, the colour counts
    result = read_image(save(tmp_path / f'image{suffix}', image))
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == np.uint8 and result.flags.writeable and result.flags.c_contiguous


@pytest.mark.parametrize('options', [{}, dict(transparency=3), dict(transparency=bytes(range(9)))])
@pytest.mark.filterwarnings('ignore:Palette images with Transparency')
def test_a_palette_is_looked_up(tmp_path, options):
    image = Image.fromarray(GREY % 9)
    image.putpalette(list(range(100, 127)))
    path = save(tmp_path / 'palette.png', image, **options)
    index = (GREY % 9).astype(np.uint8)
    expected = np.dstack([100 + 3 * index + channel for channel in range(3)])
    np.testing.assert_array_equal(read_image(path), expected)
    np.testing.assert_array_equal(read_labels(path), index)


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
@pytest.mark.parametrize('pixels, expected', [
    (deep(GREY), THREE_GREYS), (deep(RGB), RGB), (deep(np.dstack([RGB, GREY])), RGB)])
def test_16_bits_are_cut_to_the_upper_8(tmp_path, pixels, expected, suffix):
    if pixels.shape[-1] == 4:
        pixels = pixels[..., [3, 0, 1, 2]]  # save_by_opencv turns it to blue, green, red, alpha
    np.testing.assert_array_equal(
        read_image(save_by_opencv(tmp_path / f'deep{suffix}', pixels)), expected)


@pytest.mark.parametrize('suffix', WRITTEN_SUFFIXES)
def test_every_suffix_is_written_and_read(tmp_path, suffix):
    path = tmp_path / f'image{suffix.upper()}'
    lossy = dict(quality=98, subsampling=0)
    options = {'.webp': dict(lossless=True), '.jpg': lossy, '.jpeg': lossy}.get(suffix, {})
    write_image(path, BLOCKS, **options)
    tolerance = 20 if options is lossy else 0
    np.testing.assert_allclose(read_image(path).astype(int), BLOCKS, atol=tolerance)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_cmyk_photograph_keeps_its_colours(tmp_path):
    flat = np.full((16, 16, 3), (200, 120, 40), np.uint8)
    path = save(tmp_path / 'print.jpg', Image.fromarray(flat).convert('CMYK'), quality=95)
    np.testing.assert_allclose(read_image(path).astype(int), flat, atol=6)


@pytest.mark.parametrize('orientation, turn', [
    (1, lambda x: x), (2, lambda x: x[:, ::-1]), (3, lambda x: x[::-1, ::-1]),
    (6, lambda x: np.rot90(x, -1)), (8, np.rot90)])
def test_the_camera_orientation_is_applied(tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[0x112] = orientation
    for suffix, options in [('.png', {}), ('.jpg', dict(quality=95))]:
        plain, turned = tmp_path / f'plain{suffix}', tmp_path / f'turned{suffix}'
        save(plain, Image.fromarray(BLOCKS), **options)
        save(turned, Image.fromarray(BLOCKS), exif=exif, **options)
        np.testing.assert_array_equal(read_image(turned), turn(read_image(plain)))


def test_a_phone_photograph_with_a_preview_is_a_still_image(tmp_path):
    preview = Image.fromarray(BLOCKS[:20, :20])
    path = save(tmp_path / 'phone.jpg', Image.fromarray(BLOCKS), format='MPO', save_all=True,
                append_images=[preview], quality=95)
    with Image.open(path) as image:
        assert image.n_frames == 2
    assert read_image(path).shape == BLOCKS.shape


def test_one_pixel(tmp_path):
    pixel = np.array([[[1, 2, 3]]], np.uint8)
    write_image(tmp_path / 'one.png', pixel)
    np.testing.assert_array_equal(read_image(tmp_path / 'one.png'), pixel)


def animation(suffix):
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, suffix, save_all=True,
                              append_images=[Image.fromarray(255 - RGB)])
    return buffer.getvalue()


def png(pixels=RGB):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'PNG')
    return buffer.getvalue()


def tiff(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'TIFF')
    return buffer.getvalue()


@pytest.mark.parametrize('content, message', [
    (b'these are words, not pixels\n', 'cannot be read as an image'),
    (b'', 'cannot be read as an image'),
    (png()[:30], 'cannot be read as an image'),
    (png()[:len(png()) // 2], 'cannot be read as an image'),
    (png()[:-40], 'cannot be read as an image'),
    (animation('PNG'), 'expected a still image, got 2 frames'),
    (animation('TIFF'), 'expected a still image, got 2 frames'),
    (tiff(GREY.astype(np.float32)), '8 or 16 bits a channel, got floating-point numbers'),
    (tiff(GREY.astype(np.int32)), '8 or 16 bits a channel, got signed numbers, or 32 bits'),
])
def test_what_is_no_still_8_or_16_bit_image_is_an_error(tmp_path, content, message):
    (tmp_path / 'bad.png').write_bytes(content)
    with pytest.raises(ImageError, match=f'bad.png: .*{message}'):
        read_image(tmp_path / 'bad.png')


@pytest.mark.parametrize('maxval, dtype', [(65535, '>u2'), (255, 'u1')])
def test_a_pgm_has_8_or_16_bits(tmp_path, maxval, dtype):
    values = (GREY.astype(np.uint16) * 256 + 77 if maxval > 255 else GREY).astype(dtype)
    header = f'P5 {GREY.shape[1]} {GREY.shape[0]} {maxval}\n'.encode()
    (tmp_path / 'grey.ppm').write_bytes(header + values.tobytes())
    np.testing.assert_array_equal(read_image(tmp_path / 'grey.ppm'), THREE_GREYS)


def test_what_is_called_an_image_is_not_handed_to_other_programs(tmp_path, monkeypatch):
    """Pillow runs Ghostscript on what begins like PostScript, whatever its name."""
    monkeypatch.setattr(subprocess, 'check_call', lambda *_, **__: pytest.fail('a program ran'))
    (tmp_path / 'photo.png').write_bytes(
        b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n%%EOF\n')
    with pytest.raises(ImageError, match='photo.png: .* it is a PostScript document'):
        read_image(tmp_path / 'photo.png')


def test_a_header_alone_takes_no_memory(tmp_path):
    (tmp_path / 'huge.ppm').write_bytes(b'P6 30000 30000 255\n')
    with pytest.raises(ImageError, match='huge.ppm: 30000x30000 px in 19 bytes exceeds the limit '
                                         'of 3000 pixels a byte'):
        read_image(tmp_path / 'huge.ppm')


def test_of_an_animated_gif_the_first_frame_is_read_and_it_is_said(tmp_path, caplog):
    frames = [Image.fromarray(GREY // 64 * 64), Image.fromarray(255 - GREY)]
    frames[0].save(tmp_path / 'two.gif', save_all=True, append_images=frames[1:])
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_image(tmp_path / 'two.gif'), THREE_GREYS // 64 * 64)
    assert 'two.gif: is an animation, its first frame is read' in caplog.text


@pytest.mark.skipif(not decoding.HAS_AVIF, reason='this Pillow is built without AVIF')
def test_an_avif_is_read(tmp_path):
    Image.fromarray(BLOCKS).save(tmp_path / 'image.avif', quality=95, subsampling='4:4:4')
    error = np.abs(read_image(tmp_path / 'image.avif').astype(int) - BLOCKS)
    assert error.mean() < 2


def test_formats_that_are_not_read_are_refused(tmp_path):
    """Pillow knows JPEG 2000, too; OpenCV and MMagic may or may not."""
    for file_format, said in (('JPEG2000', 'it is a JPEG 2000; expected one of BMP'),
                              ('ICO', 'it is an icon'), ('PCX', 'of another kind')):
        Image.fromarray(BLOCKS).save(tmp_path / 'a.png', file_format)
        with pytest.raises(ImageError, match=f'a.png: cannot be read as an image, .*{said}'):
            read_image(tmp_path / 'a.png')


@pytest.mark.parametrize('bits', [1, 2, 4])
def test_label_maps_of_few_bits_keep_their_numbers(tmp_path, bits):
    """Optimisers of PNGs store few values so; Pillow stretches them to 0 ... 255."""
    labels = np.arange(2**bits, dtype=np.uint8).repeat(3)[None].repeat(5, 0)
    rows = np.unpackbits(labels[..., None], axis=2)[..., 8 - bits:].reshape(len(labels), -1)
    header = struct.pack('>IIBBBBB', labels.shape[1], len(labels), bits, 0, 0, 0, 0)
    data = zlib.compress(b''.join(b'\0' + row.tobytes() for row in np.packbits(rows, axis=1)))
    (tmp_path / 'few.png').write_bytes(b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
        for kind, body in ((b'IHDR', header), (b'IDAT', data), (b'IEND', b''))))
    if bits > 1:
        np.testing.assert_array_equal(read_labels(tmp_path / 'few.png'), labels)
    np.testing.assert_array_equal(read_mask(tmp_path / 'few.png'), labels > 0)


def test_a_large_empty_mask_is_no_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, 'MANY_PIXELS', 2**20)
    Image.new('1', (2_000, 2_000)).save(tmp_path / 'mask.png', optimize=True)
    assert not read_mask(tmp_path / 'mask.png').any()


def test_a_label_map_is_no_jpeg(tmp_path):
    Image.fromarray(GREY).save(tmp_path / 'labels.jpg', quality=95)
    with pytest.raises(ImageError, match='labels.jpg: expected .* keeps every value, got a JPEG'):
        read_labels(tmp_path / 'labels.jpg')


def test_a_pipe_named_as_an_image_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'pipe.png')
    with pytest.raises(ImageError, match='pipe.png: expected .* an image .*found another file'):
        collect_images(tmp_path / 'pipe.png')


def test_too_little_memory_is_said(tmp_path, monkeypatch):
    write_image(tmp_path / 'large.png', GREY)
    monkeypatch.setattr(Image.Image, 'convert', lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(ImageError, match='large.png: needs more memory than there is'):
        read_image(tmp_path / 'large.png')


@pytest.mark.parametrize('kind, body', [
    (b'zTXt', b'a\0\0'), (b'iCCP', b'a\0\0'), (b'iTXt', b'a\0\1\0\0\0')])
def test_a_bomb_beside_the_pixels_is_not_unpacked(tmp_path, kind, body):
    chunk = kind + body + zlib.compress(bytes(20_000_000))
    content = png()
    chunk = struct.pack('>I', len(chunk) - 4) + chunk + struct.pack('>I', zlib.crc32(chunk))
    (tmp_path / 'bomb.png').write_bytes(content[:33] + chunk + content[33:])
    tracemalloc.start()
    try:
        read_image(tmp_path / 'bomb.png')
    except ImageError as error:
        assert 'bomb.png: ' in str(error) and 'too large' in str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize('name, message', [
    ('missing.png', 'missing.png: no such file'),
    ('.', 'cannot be read as an image'),
    ('file.txt/image.png', 'image.png: cannot be read as an image'),
])
def test_a_path_without_an_image_is_an_error(tmp_path, name, message):
    (tmp_path / 'file.txt').write_text('text')
    with pytest.raises(ImageError, match=message):
        read_image(tmp_path / name)


EXIF = Image.Exif()
EXIF[0x112] = 6
FORMATS = ['PNG', 'JPEG', 'TIFF', 'BMP', 'WEBP', 'PPM', 'GIF']


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_a_damaged_file_is_read_or_is_an_image_error(tmp_path_factory, file_format, data):
    buffer = io.BytesIO()
    options = dict(exif=EXIF) if file_format in ('PNG', 'JPEG', 'WEBP') else {}
    Image.fromarray(RGB).save(buffer, file_format, **options)
    content = bytearray(buffer.getvalue())
    position = st.integers(0, min(len(content) - 1, 150))  # headers break in more ways than data
    for index, value in data.draw(st.lists(st.tuples(position, st.integers(0, 255)), max_size=4)):
        content[index] = value
    del content[data.draw(st.integers(0, len(content))):]
    path = tmp_path_factory.getbasetemp() / 'damaged.png'
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            assert read_image(path).ndim == 3
        except ImageError as error:
            assert 'damaged.png' in str(error)


def test_a_tiff_without_its_size_is_an_error(tmp_path):
    """Pillow raises a TypeError here."""
    content = bytearray(tiff(RGB))
    directory = int.from_bytes(content[4:8], 'little')
    assert int.from_bytes(content[directory + 2:directory + 4], 'little') == 256  # ImageWidth
    content[directory + 2:directory + 4] = bytes([254, 0])
    (tmp_path / 'bad.tif').write_bytes(content)
    with pytest.raises(ImageError, match='bad.tif: cannot be read as an image'):
        read_image(tmp_path / 'bad.tif')


def test_a_tiff_with_gaps_is_not_filled_from_memory(tmp_path):
    """Pillow shows what the memory held before, which may be another picture."""
    content = bytearray(tiff(np.zeros((50, 40, 3), np.uint8)))
    directory = int.from_bytes(content[4:8], 'little')
    entry = content.index(bytes([278 % 256, 278 // 256]), directory)  # RowsPerStrip
    content[entry + 8:entry + 12] = (1).to_bytes(4, 'little')
    (tmp_path / 'gaps.tif').write_bytes(content)
    with pytest.raises(ImageError, match='gaps.tif: is damaged, .* 40 of 40x50 px'):
        read_image(tmp_path / 'gaps.tif')


def test_masks_are_0_and_255_and_come_back(tmp_path):
    mask = GREY > 100
    write_mask(tmp_path / 'mask.png', mask)
    stored = cv2.imread(str(tmp_path / 'mask.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored, np.where(mask, 255, 0))
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(read_mask(tmp_path / 'mask.png'), mask)


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_maps_have_16_bits_and_65535_is_1(tmp_path, dtype):
    values = np.array([[0, 1, .5, .7], [1 / 65535, .25, -.1, 1.1]], dtype)
    write_map(tmp_path / 'map.png', values)
    stored = cv2.imread(str(tmp_path / 'map.png'), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert stored[0].tolist() == [0, 65535, 32768, 45874]  # 32767.5 to even, 45874.5 to even
    assert stored[1].tolist() == [1, 16384, 0, 65535]


def test_maps_come_back_to_half_a_step(tmp_path):
    values = np.random.default_rng(0).random((30, 40)).astype(np.float32)
    write_map(tmp_path / 'map.png', values)
    stored = cv2.imread(str(tmp_path / 'map.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(stored / 65535, values, rtol=0, atol=.51 / 65535)


@pytest.mark.parametrize('pixels', [RGB, deep(GREY), np.dstack([RGB, GREY]), GREY > 9])
def test_labels_of_another_type_are_an_error(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / 'labels.png')
    with pytest.raises(ImageError, match=r'labels.png: expected a label map \(one channel'):
        read_labels(tmp_path / 'labels.png')


def test_labels_are_read_as_they_are(tmp_path):
    Image.fromarray(GREY).save(tmp_path / 'labels.png')
    labels = read_labels(tmp_path / 'labels.png')
    np.testing.assert_array_equal(labels, GREY)
    assert labels.dtype == np.uint8


@pytest.mark.parametrize('name', ['image.xyz', 'image', 'image.gif'])
def test_an_unknown_suffix_is_an_error(tmp_path, name):
    with pytest.raises(ValueError, match=f'{name}: expected one of the suffixes .bmp, '):
        write_image(tmp_path / name, RGB)
    assert not list(tmp_path.iterdir())


def test_images_above_pillows_limit_are_read(tmp_path, monkeypatch):
    """A photograph of 12 megapixels, enlarged 4×, is above it."""
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 50)
    write_image(tmp_path / 'large.png', np.zeros((20, 30, 3), np.uint8))
    assert read_image(tmp_path / 'large.png').shape == (20, 30, 3)
    assert Image.MAX_IMAGE_PIXELS == 50


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('limit, message', [
    (599, 'bomb.png: 30x20 px exceeds the limit of 599 pixels'), (299, 'bomb.png: .*bomb')])
def test_a_bomb_is_still_refused(tmp_path, monkeypatch, limit, message):
    monkeypatch.setattr(decoding, 'MAX_PIXELS', limit)
    write_image(tmp_path / 'bomb.png', np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(ImageError, match=message):
        read_image(tmp_path / 'bomb.png')


def test_threads_leave_pillows_limit_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 50)
    write_image(tmp_path / 'a.png', np.zeros((20, 30, 3), np.uint8))
    with ThreadPoolExecutor(4) as threads:
        read = list(threads.map(read_image, [tmp_path / 'a.png'] * 200))
    assert len(read) == 200 and Image.MAX_IMAGE_PIXELS == 50
