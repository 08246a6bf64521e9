"""TIFFs are read right or refused; tifffile and OpenCV are the oracles, or the numbers written."""
from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import PIL
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiff_files import tiff

from mmdesra.files import ImageError, read_image, read_mask

RAMP = (np.mgrid[:9, :21][1] / 20 * .8 + np.mgrid[:9, :21][0] / 8 * .2)
"""From 0 to 1; the sides are odd, so that rows of few bits end within a byte."""

MASK = np.zeros((30, 41), bool)
MASK[5:14, 6:20] = MASK[18:27, 22:37] = True


def read(folder, content):
    (folder / 'image.tif').write_bytes(content)
    return read_image(folder / 'image.tif')


def by_opencv(content):
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else image[..., ::-1]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('tiffs')


@settings(max_examples=300, deadline=None)
@given(bits=st.sampled_from([1, 2, 4, 6, 8, 10, 12, 14, 16, 24, 32]),
       channels=st.sampled_from([1, 1, 3, 4]), white_is_zero=st.booleans(),
       order=st.sampled_from('<>'), deflate=st.booleans(), planar=st.sampled_from([1, 2]),
       fill_order=st.sampled_from([1, 1, 2]), rows=st.sampled_from([None, 4]))
def test_any_depth_and_layout_is_read_right_or_refused(
        folder, bits, channels, white_is_zero, order, deflate, planar, fill_order, rows):
    shares = np.dstack([RAMP, RAMP[::-1], RAMP[:, ::-1], np.ones_like(RAMP)])[..., :channels]
    white = 2**bits - 1
    stored = np.round(shares * white).astype(np.int64)
    light = stored / white
    white_is_zero = white_is_zero and channels == 1
    content = tiff(white - stored if white_is_zero else stored, bits,
                   2 if channels > 1 else int(not white_is_zero), order, deflate=deflate,
                   planar=planar if channels > 1 else 1, fill_order=fill_order, rows=rows,
                   tags=[(338, 3, [2])] if channels == 4 else [])
    try:
        found = read(folder, content)
    except ImageError as error:
        assert 'image.tif' in str(error) and 'save it as' in str(error)
        return
    expected = light[..., :3] * 255
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize('bits', [1, 2, 4, 8, 16])
@pytest.mark.parametrize('photometric', [0, 1])
@pytest.mark.parametrize('deflate', [False, True])
@pytest.mark.parametrize('order', ['<', '>'])
def test_grey_of_the_common_depths_is_read(tmp_path, bits, photometric, deflate, order):
    stored = np.round(RAMP * (2**bits - 1)).astype(np.int64)
    content = tiff(stored, bits, photometric, order, deflate=deflate)
    found = read(tmp_path, content)
    if bits not in (2, 4):  # for these tifffile needs another package
        np.testing.assert_array_equal(tifffile.imread(io.BytesIO(content)), stored)
    light = stored if photometric else 2**bits - 1 - stored
    expected = light >> 8 if bits == 16 else light * 255 // (2**bits - 1)
    np.testing.assert_array_equal(found, np.dstack([expected] * 3))
    if by_opencv(content) is not None:
        np.testing.assert_allclose(found, by_opencv(content), atol=1)


@pytest.mark.parametrize('bits', [10, 12, 14, 24])
@pytest.mark.parametrize('channels', [1, 3])
def test_other_depths_are_refused_with_their_number(tmp_path, bits, channels):
    """Pillow reads 12 bits as if they were 16: nearly black."""
    stored = np.round(np.dstack([RAMP] * channels) * (2**bits - 1)).astype(np.int64)
    with pytest.raises(ImageError, match=f'image.tif: .* its numbers have {bits} bits; save'):
        read(tmp_path, tiff(stored, bits, 2 if channels == 3 else 1))


GREY = np.round(RAMP * 255).astype(np.int64)
RGB = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])


@pytest.mark.parametrize('content, said', [
    (tiff(GREY, photometric=None), 'whether 0 is black or white'),
    (tiff(GREY // 2, tags=[(339, 3, [2])]), 'numbers are signed'),
    (tiff(RGB // 2, photometric=2, tags=[(339, 3, [2] * 3)]), 'numbers are signed'),
    (tiff(RGB * 257, 16, 2, planar=2), 'PlanarConfiguration 2'),
    (tiff(RGB, 8, 2, planar=2, fill_order=2), 'PlanarConfiguration 2'),
    (tiff(RGB, photometric=6, tags=[(530, 3, [2, 2])]), 'YCbCrSubSampling'),
    (tiff(np.dstack([RGB, GREY]), photometric=5, tags=[(332, 3, [2])]), 'InkSet'),
    (tiff(GREY, 8, 32803), '8-bit whole numbers, 1 a pixel, PhotometricInterpretation 32803'),
    (tiff(GREY, 16, tags=[(339, 3, [3])]), '16-bit floating-point numbers'),
    (tiff(GREY, 32), '32-bit|32 bits'),
    (tiff(GREY * 100, 16, tags=[(339, 3, [2])]), 'got signed numbers'),
    (tiff(np.dstack([GREY, GREY]), 16, tags=[(338, 3, [2])]), '16-bit whole numbers, 2 a pixel'),
])
def test_other_kinds_are_refused_by_name(tmp_path, content, said):
    with pytest.raises(ImageError, match=f'image.tif: .*{said}.*save it as'):
        read(tmp_path, content)


def test_premultiplied_grey_is_read(tmp_path):
    """Pillow 13 reads it; those before refuse it."""
    content = tiff(np.dstack([GREY, np.full_like(GREY, 255)]), tags=[(338, 3, [1])])
    if int(PIL.__version__.partition('.')[0]) < 13:
        with pytest.raises(ImageError, match=r'image.tif: cannot be read .* save it as a PNG'):
            read(tmp_path, content)
        return
    np.testing.assert_array_equal(read(tmp_path, content), np.dstack([GREY] * 3))


@pytest.mark.parametrize('factor', [257, 256, 1])
def test_a_colour_map_may_have_8_or_16_bits(tmp_path, factor):
    """Some programs write 8; Pillow then shows black."""
    ramp = np.arange(256)
    colors = np.stack([ramp, 255 - ramp, ramp // 2], axis=1)
    content = tiff(GREY, 8, 3, tags=[(320, 3, (colors * factor).T.ravel().tolist())])
    found = read(tmp_path, content)
    np.testing.assert_array_equal(found, colors[GREY])
    np.testing.assert_array_equal(found, by_opencv(content))


ODD_TAGS = {
    'a resolution of text': (282, 2, b'72\0\0'),
    'a resolution that is negative': (282, 10, struct.pack('<ii', -72, 1)),
    'a resolution that is no number': (282, 11, struct.pack('<f', float('nan'))),
    'two resolutions': (282, 3, [72, 72]),
    'a resolution over zero': (282, 5, struct.pack('<II', 72, 0)),
    'an EXIF directory outside': (34665, 4, [99_999_999]),
    'an EXIF directory that is this one': (34665, 4, [8]),
    'sub-directories outside': (330, 4, [99_999_999, 5]),
    'a profile that is none': (34675, 7, b'abcdabcd'),
    'XMP of another type': (700, 3, [1, 2, 3, 4]),
    'an artist of numbers': (315, 3, [1, 2]),
    'a date of half its length': (306, 2, b'2020'),
    'a tag of an unknown type': (315, 99, b'abcd'),
}


@pytest.mark.parametrize('tag', ODD_TAGS.values(), ids=ODD_TAGS)
@pytest.mark.parametrize('deflate', [False, True])
def test_tags_beside_the_pixels_do_not_matter(tmp_path, tag, deflate):
    for orientation in (1, 6):
        content = tiff(RGB, photometric=2, deflate=deflate, rows=2,
                       tags=[tag, (296, 3, [3]), (274, 3, [orientation])])
        expected = np.rot90(RGB, -1) if orientation == 6 else RGB
        np.testing.assert_array_equal(read(tmp_path, content), expected)


@pytest.mark.parametrize('kind', [1, 3, 4, 8, 9])
@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_every_orientation_is_applied(tmp_path, kind, order, orientation):
    content = tiff(RGB, 8, 2, order, tags=[(274, kind, [orientation])])
    found = read(tmp_path, content)
    if kind == 3:
        np.testing.assert_array_equal(found, by_opencv(content))
    np.testing.assert_array_equal(
        found, read(tmp_path, tiff(RGB, 8, 2, order, tags=[(274, 3, [orientation])])))


@pytest.mark.parametrize('value', [0, 9, 300])
def test_an_orientation_that_means_nothing_is_ignored(tmp_path, value):
    np.testing.assert_array_equal(read(tmp_path, tiff(RGB, 8, 2, tags=[(274, 3, [value])])), RGB)


def test_an_orientation_of_xmp_is_ignored_as_opencv_does(tmp_path):
    content = tiff(RGB, 8, 2, tags=[(700, 1, b'<x tiff:Orientation="3"/>')])
    np.testing.assert_array_equal(read(tmp_path, content), RGB)
    np.testing.assert_array_equal(by_opencv(content), RGB)


@pytest.mark.parametrize('options', [
    {}, dict(tile=(16, 16)), dict(compression='zlib'), dict(bigtiff=True), dict(byteorder='>'),
    dict(compression='zlib', predictor=True), dict(planarconfig='separate'), dict(rowsperstrip=3),
    dict(planarconfig='separate', tile=(16, 16), compression='zlib'),
    dict(metadata=None, description='a', software='b', datetime=True, resolution=(72, 72))])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_what_tifffile_writes_is_read_right_or_refused(tmp_path, options, dtype):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max, (40, 50, 3)).astype(dtype)
    planar = options.get('planarconfig') == 'separate'
    try:
        tifffile.imwrite(tmp_path / 'a.tif', np.moveaxis(pixels, -1, 0) if planar else pixels,
                         photometric='rgb', **options)
    except (ImportError, ValueError):
        pytest.skip('needs codecs that are not installed')
    if planar and dtype == np.uint16 and 'compression' not in options:
        with pytest.raises(ImageError, match='PlanarConfiguration 2'):
            read_image(tmp_path / 'a.tif')
        return
    np.testing.assert_array_equal(read_image(tmp_path / 'a.tif'),
                                  pixels >> 8 if dtype == np.uint16 else pixels)


def test_several_pages_are_refused_and_a_reduced_copy_is_none(tmp_path):
    tifffile.imwrite(tmp_path / 'pages.tif', np.stack([GREY, GREY]).astype(np.uint8),
                     photometric='minisblack')
    with pytest.raises(ImageError, match='pages.tif: expected a still image, got 2 frames'):
        read_image(tmp_path / 'pages.tif')
    with tifffile.TiffWriter(tmp_path / 'preview.tif') as file:
        file.write(GREY.astype(np.uint8))
        file.write(GREY[::2, ::2].astype(np.uint8), subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / 'preview.tif'), np.dstack([GREY] * 3))


@pytest.mark.parametrize('bits, photometric, values', [
    (1, 0, (1, 0)), (1, 1, (0, 1)), (2, 1, (0, 3)), (4, 1, (0, 15)), (4, 1, (0, 5)),
    (8, 0, (255, 0)), (8, 1, (0, 1)), (16, 1, (0, 65535)), (16, 1, (0, 1)),
    (16, 0, (65535, 0)), (32, 1, (0, 7)), (16, 0, (65535, 65534))])
def test_masks_of_any_depth_are_read_as_stored(tmp_path, bits, photometric, values):
    (tmp_path / 'mask.tif').write_bytes(tiff(np.where(MASK, values[1], values[0]), bits,
                                             photometric))
    np.testing.assert_array_equal(read_mask(tmp_path / 'mask.tif'), MASK)


@pytest.mark.parametrize('dtype', [np.float32, np.int16, np.int32])
@pytest.mark.parametrize('high', [1, 255])
def test_masks_of_signed_and_floating_point_numbers_are_read(tmp_path, dtype, high):
    tifffile.imwrite(tmp_path / 'mask.tif', MASK.astype(dtype) * dtype(high))
    np.testing.assert_array_equal(read_mask(tmp_path / 'mask.tif'), MASK)


def test_the_file_is_only_read(tmp_path):
    content = tiff(RGB, 8, 2, tags=[(305, 2, b'a program of which the name is longer than 4\0')])
    read(tmp_path, content)
    assert (tmp_path / 'image.tif').read_bytes() == content
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(content))), RGB)
