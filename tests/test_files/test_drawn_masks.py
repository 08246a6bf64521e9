"""Masks drawn by people: read right, or refused; the oracle is the mask that was drawn."""
from __future__ import annotations

import io
import logging

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from skimage import data as photographs

from mmdesra.files import ImageError, decoding, images, read_mask, write_mask
from mmdesra.files.masks import MaskError, understand

SIZE = 96, 128
MASK = np.zeros(SIZE, bool)
MASK[12:36, 18:54] = MASK[60:84, 60:96] = MASK[44:54, 10:12] = True
REGIONS = ndimage.label(MASK)[0].astype(np.uint8)
ROWS, COLUMNS = np.mgrid[:SIZE[0], :SIZE[1]]
SOFT = np.maximum(*(np.clip((radius - np.hypot(ROWS - row, COLUMNS - column)) * 60 + 128, 0, 255)
                    for row, column, radius in ((30, 36, 18), (70, 80, 15)))).round().astype(
                        np.uint8)
"""Two strokes with soft edges."""


def scaled(mask, ground, artifact, dtype=np.uint8):
    return np.where(mask, artifact, ground).astype(dtype)


def many_regions(count):
    """As connected-component tools number them: 5×5 px each, 3 px apart."""
    places = [(row, column) for row in range(1, SIZE[0] - 5, 8)
              for column in range(1, SIZE[1] - 5, 8)]
    numbers = np.zeros(SIZE, np.int32)
    for number, (row, column) in enumerate(places[:count], 1):
        numbers[row:row + 5, column:column + 5] = number
    return numbers


def layer(color, opacity):
    """RGBA strokes of a colour, on a transparent ground of the same colour."""
    return np.dstack([np.broadcast_to(color, (*SIZE, 3)), opacity]).astype(np.uint8)


def palette(indices, *colors):
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette([channel for color in colors for channel in color])
    return image


def file_of(folder, pixels, suffix='.png', **options):
    path = folder / f'mask{suffix}'
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def read(folder, pixels, suffix='.png', **options):
    return read_mask(file_of(folder, pixels, suffix, **options))


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch):
    monkeypatch.setattr(images, '_remarks', set())


@pytest.mark.parametrize('low, high', [
    (0, 255), (0, 1), (0, 2), (0, 7), (0, 100), (0, 127), (0, 128), (0, 254), (50, 200), (1, 2),
    (127, 128), (254, 255), (0, 5)])
def test_of_two_values_the_higher_is_artifact(tmp_path, caplog, low, high):
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read(tmp_path, scaled(MASK, low, high)), MASK)
    assert ('mask.png: read as two values' in caplog.text) == ((low, high) != (0, 255))


@pytest.mark.parametrize('dtype, low, high', [
    (np.uint16, 0, 65535), (np.uint16, 0, 1), (np.uint16, 0, 255), (np.uint16, 0, 256),
    (np.uint16, 300, 301), (bool, False, True)])
def test_two_values_of_other_depths(tmp_path, dtype, low, high):
    np.testing.assert_array_equal(read(tmp_path, scaled(MASK, low, high, dtype)), MASK)


def test_a_white_ground_is_artifact_as_the_rule_says(tmp_path):
    np.testing.assert_array_equal(read(tmp_path, scaled(MASK, 255, 0)), ~MASK)


@pytest.mark.parametrize('numbers', [
    REGIONS, REGIONS * 9, many_regions(120), many_regions(127), many_regions(180),
    np.minimum(many_regions(180), 255), np.where(many_regions(180) % 3, many_regions(180), 0),
    many_regions(180) * 100])
def test_region_numbers_are_read_and_it_is_said(tmp_path, caplog, numbers):
    dtype = np.uint8 if numbers.max() < 256 else np.uint16
    for kind in {dtype, np.uint16}:
        np.testing.assert_array_equal(read(tmp_path, numbers.astype(kind)), numbers > 0)
    assert f'read as region numbers (1 to {numbers.max()}): 0 is ground' in caplog.text


def test_what_is_said_is_said_once_for_a_folder(tmp_path, caplog):
    (tmp_path / 'other').mkdir()
    for folder in (tmp_path, tmp_path, tmp_path / 'other'):
        for name in ('a.png', 'b.png'):
            Image.fromarray(REGIONS).save(folder / name)
            read_mask(folder / name)
    assert caplog.text.count('region numbers') == 2


@pytest.mark.parametrize('mask, is_doubted', [
    (~MASK, True), (MASK, False), (np.ones(SIZE, bool), False), (ROWS < 64, False)],
    ids=['dark strokes on white', 'strokes', 'full', 'a large region'])
@pytest.mark.parametrize('high', [255, 200])
def test_a_mask_that_may_be_inverted_is_read_and_it_is_said(tmp_path, caplog, mask, is_doubted,
                                                            high):
    if mask.all():
        high = 255
    Image.fromarray(scaled(mask, 0, high)).save(tmp_path / 'mask.png')
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(read_mask(tmp_path / 'mask.png'), mask)
    assert ('dark on a light ground, invert it' in caplog.text) == is_doubted


@pytest.mark.parametrize('values', [(224, 225), (240, 255), (254, 255)])
def test_areas_of_nearly_white_are_artifact_and_it_is_said(tmp_path, caplog, values):
    pixels = np.array([0, *values, 255], np.uint8)[np.minimum(REGIONS, len(values))]
    np.testing.assert_array_equal(read(tmp_path, pixels), MASK)
    assert f'areas of {values[0]} to 255 are artifact, too' in caplog.text


def test_what_this_package_writes_needs_no_remark(tmp_path, caplog):
    write_mask(tmp_path / 'mask.png', MASK)
    np.testing.assert_array_equal(read_mask(tmp_path / 'mask.png'), MASK)
    for soft in (SOFT, np.dstack([SOFT] * 3)):
        np.testing.assert_array_equal(read(tmp_path, soft), SOFT >= 128)
    assert not caplog.text


@pytest.mark.parametrize('sigma', [1, 3, 8])
def test_soft_edges_are_cut_at_128(tmp_path, sigma):
    soft = ndimage.gaussian_filter(MASK * 255., sigma).round().astype(np.uint8)
    assume_kept = ndimage.label(soft > 31)[1] == len(
        np.unique(ndimage.label(soft > 31)[0][soft >= 128]))
    if not assume_kept or soft.max() < 224:  # a stroke is blurred away
        with pytest.raises(ImageError, match='mask.png: expected a mask'):
            read(tmp_path, soft)
        return
    np.testing.assert_array_equal(read(tmp_path, soft), soft >= 128)


@pytest.mark.parametrize('how', [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
def test_masks_that_were_resized_are_cut_at_128(tmp_path, how):
    large = cv2.resize(SOFT, (4 * SIZE[1], 4 * SIZE[0]), interpolation=how)
    np.testing.assert_array_equal(read(tmp_path, large), large >= 128)


@pytest.mark.parametrize('peak', [100, 180])
def test_soft_strokes_in_grey_are_cut_halfway(tmp_path, caplog, peak):
    grey = (SOFT / 255. * peak).round().astype(np.uint8)
    np.testing.assert_array_equal(read(tmp_path, grey), grey > peak / 2)
    assert f'read as strokes of value {peak} with soft edges' in caplog.text


@pytest.mark.parametrize('pixels, said', [
    (scaled(MASK, 1, 1), '1 everywhere'), (scaled(MASK, 128, 128), '128 everywhere'),
    (scaled(MASK, 1, 1, np.uint16), '1 everywhere'),
    (np.full((*SIZE, 3), (255, 0, 0), np.uint8), '1 colours, none of them black'),
    (np.maximum(scaled(ndimage.binary_dilation(MASK, iterations=5), 0, 128),
                scaled(MASK, 0, 255)), 'areas of values between 0 and 255'),
    (REGIONS * 80, 'areas of values'),
    (np.where(ndimage.binary_dilation(MASK, iterations=2) & ~MASK, 255, REGIONS).astype(np.uint8),
     'areas of values'),
    (np.where(COLUMNS < 3, 1, scaled(MASK, 0, 255)).astype(np.uint8), 'areas of values'),
    (np.where((ROWS == 3) & (COLUMNS > 90), 100, scaled(MASK, 0, 255)).astype(np.uint8),
     'below 128 only'),
    (photographs.camera(), 'a picture'), (photographs.coins(), 'a picture'),
    (photographs.astronaut(), 'a picture of'),
    (layer(0, 0 * MASK) + np.dstack([MASK * 255] * 3 + [MASK * 0]).astype(np.uint8),
     'transparent everywhere'),
    (layer(0, scaled(MASK, 100, 255)), 'transparency between 100 and 255'),
    (layer(0, scaled(MASK, 200, 255)), 'transparency between 200 and 255'),
])
def test_what_cannot_be_told_is_refused(tmp_path, pixels, said):
    with pytest.raises(ImageError, match=f'mask.png: expected a mask, .*{said}.*; save it with 0'):
        read(tmp_path, pixels)


@pytest.mark.parametrize('pixels, full', [
    (scaled(MASK, 0, 0), False), (scaled(MASK, 255, 255), True), (MASK | True, True),
    (MASK & False, False), (scaled(MASK, 65535, 65535, np.uint16), True),
    (scaled(MASK, 0, 0, np.uint16), False), (layer(0, MASK * 0), False),
    (layer(255, MASK * 0), False), (layer(255, MASK * 0 + 255), True),
    (layer(0, MASK * 0 + 255), False)])
def test_empty_and_full_masks_are_masks(tmp_path, pixels, full):
    np.testing.assert_array_equal(read(tmp_path, pixels), np.full(SIZE, full))


COLORS = dict(black=(0, 0, 0), white=(255, 255, 255), red=(255, 0, 0), dark=(0, 60, 0))


@pytest.mark.parametrize('color', COLORS.values(), ids=COLORS)
@pytest.mark.parametrize('opacity', [scaled(MASK, 0, 255), scaled(MASK, 0, 90), SOFT, SOFT // 2])
@pytest.mark.parametrize('suffix', ['.png', '.tif', '.webp'])
def test_strokes_on_a_transparent_ground_are_artifact_in_any_colour(tmp_path, caplog, color,
                                                                    opacity, suffix):
    expected = opacity > opacity.max() / 2
    options = dict(quality=80) if suffix == '.webp' else {}
    pixels = layer(color, opacity)
    np.testing.assert_array_equal(read(tmp_path, pixels, suffix, **options), expected)
    assert 'read by its transparency' in caplog.text
    pixels[~expected, :3] = 255  # browsers and paint programs differ in what is below
    np.testing.assert_array_equal(read(tmp_path, pixels, suffix, **options), expected)


def test_strokes_of_several_colours(tmp_path):
    both = layer(np.where(REGIONS[..., None] == 1, (255, 0, 0), (0, 200, 0)), MASK * 255)
    np.testing.assert_array_equal(read(tmp_path, both), MASK)


@pytest.mark.parametrize('ground, stroke', [((0, 0, 0), (255, 255, 255)),
                                            ((255, 255, 255), (0, 0, 0)),
                                            ((255, 255, 255), (255, 0, 0))])
def test_a_layer_with_a_ground_and_a_hole_is_refused(tmp_path, ground, stroke):
    pixels = layer(np.where(MASK[..., None], stroke, ground), (ROWS > 5) * 255)
    with pytest.raises(ImageError, match='several colours, black or white among them'):
        read(tmp_path, pixels)


@pytest.mark.parametrize('grey, opacity, expected', [
    (MASK * 0, MASK * 255, MASK), (MASK * 255, MASK * 0 + 255, MASK),
    (MASK, MASK * 0 + 255, MASK), (REGIONS, MASK * 0 + 255, MASK), (REGIONS, MASK * 255, MASK)])
@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_grey_with_transparency(tmp_path, grey, opacity, expected, suffix):
    pixels = np.dstack([grey, opacity]).astype(np.uint8)
    np.testing.assert_array_equal(read(tmp_path, Image.fromarray(pixels), suffix), expected)


VOC = (0, 0, 0), (128, 0, 0), (0, 128, 0), (64, 0, 0)


@pytest.mark.parametrize('suffix', ['.png', '.gif', '.bmp', '.tif'])
@pytest.mark.parametrize('image, expected', [
    (palette(REGIONS, *VOC), MASK), (palette(MASK, (0, 0, 0), (255, 0, 0)), MASK),
    (palette(MASK, (0, 0, 0), (9, 0, 0)), MASK), (palette(MASK, (0, 0, 0), (1, 1, 1)), MASK),
    (palette(MASK, (255, 255, 255), (0, 0, 0)), ~MASK),
    (palette(~MASK, (9, 9, 9), (0, 0, 0)), MASK),
    (palette(REGIONS, *((grey,) * 3 for grey in range(4))), MASK)])
def test_palettes_are_read_by_their_colours(tmp_path, image, expected, suffix):
    np.testing.assert_array_equal(read(tmp_path, image, suffix), expected)


def test_where_all_of_a_palette_is_black_its_indices_count(tmp_path):
    image = palette(REGIONS, *[(0, 0, 0)] * 4)
    np.testing.assert_array_equal(read(tmp_path, image), MASK)


@pytest.mark.parametrize('colors', [((255, 255, 255), (255, 0, 0)), ((0, 0, 255), (255, 0, 0))])
def test_colours_without_black_are_refused(tmp_path, colors):
    for image in (palette(MASK, *colors), palette(MASK, *colors).convert('RGB')):
        with pytest.raises(ImageError, match='2 colours, none of them black'):
            read(tmp_path, image)


@pytest.mark.parametrize('image, transparent', [
    (palette(MASK, (0, 0, 0), (0, 0, 0)), 0), (palette(MASK, (255, 255, 255), (0, 0, 0)), 0),
    (Image.fromarray(scaled(MASK, 255, 0)), 255), (Image.fromarray(~MASK), 1),
    (Image.fromarray(scaled(MASK, 9, 0, np.uint16)), 9),
    (Image.fromarray(np.dstack([scaled(MASK, 255, 0)] * 3)), (255, 255, 255))])
def test_a_png_may_name_the_colour_that_is_transparent(tmp_path, image, transparent):
    np.testing.assert_array_equal(read(tmp_path, image, transparency=transparent), MASK)


@pytest.mark.parametrize('color', [(255, 0, 0), (255, 255, 0), (128, 0, 0), (0, 0, 200)])
def test_coloured_strokes_on_black_are_cut_at_128_in_any_channel(tmp_path, caplog, color):
    hard = (MASK[..., None] * color).astype(np.uint8)
    np.testing.assert_array_equal(read(tmp_path, hard), MASK)
    soft = (SOFT[..., None] / 255. * color).round().astype(np.uint8)
    np.testing.assert_array_equal(read(tmp_path, soft), (soft >= 128).any(axis=2))
    assert not caplog.text


def test_areas_of_dark_colours_on_black_are_read_and_it_is_said(tmp_path, caplog):
    pixels = np.array(VOC, np.uint8)[REGIONS]
    np.testing.assert_array_equal(read(tmp_path, pixels), MASK)
    assert 'read as areas of 3 colours' in caplog.text


def test_a_photograph_with_strokes_on_it_is_no_mask(tmp_path):
    picture = photographs.astronaut()[:SIZE[0], :SIZE[1]].copy()
    picture[MASK] = 255, 0, 0
    for suffix in ('.png', '.jpg', '.webp'):
        with pytest.raises(ImageError, match=f'mask{suffix}: expected a mask'):
            read(tmp_path, picture, suffix)


LOSSY = {'.jpg': (30, 75, 95), '.webp': (50, 90)} | (
    {'.avif': (60, 90)} if decoding.HAS_AVIF else {})


@pytest.mark.parametrize('suffix, quality', [(suffix, quality) for suffix, qualities
                                             in LOSSY.items() for quality in qualities])
def test_lossy_masks_of_0_and_255_are_read_and_others_refused(tmp_path, suffix, quality):
    pixels = np.dstack([scaled(MASK, 0, 255)] * 3)
    np.testing.assert_array_equal(read(tmp_path, pixels, suffix, quality=quality), MASK)
    for other in (scaled(MASK, 0, 128), scaled(MASK, 50, 200), REGIONS * np.uint8(60)):
        with pytest.raises(ImageError, match=f'mask{suffix}: expected a mask'):
            read(tmp_path, np.dstack([other] * 3), suffix, quality=quality)


def test_what_was_a_jpeg_before_is_read(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(scaled(MASK, 0, 255)).save(buffer, 'JPEG', quality=75)
    np.testing.assert_array_equal(read(tmp_path, Image.open(buffer)), MASK)


def test_a_lossless_webp_keeps_region_numbers(tmp_path):
    pixels = np.dstack([REGIONS] * 3)
    np.testing.assert_array_equal(read(tmp_path, pixels, '.webp', lossless=True), MASK)


@pytest.mark.parametrize('pixels, expected', [
    (np.dstack([scaled(MASK, 0, 65535, np.uint16)] * 3), MASK),
    (np.dstack([scaled(MASK, 0, 1, np.uint16)] * 3), None),
    (np.dstack([scaled(MASK, 0, 0, np.uint16)] * 3 + [scaled(MASK, 0, 65535, np.uint16)]), MASK),
    (np.dstack([scaled(MASK, 0, 0, np.uint16)] * 3 + [scaled(MASK, 0, 1, np.uint16)]), None)])
@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_colours_of_16_bits_are_read_where_the_upper_8_tell(tmp_path, pixels, expected, suffix):
    path = tmp_path / f'mask{suffix}'
    assert cv2.imwrite(str(path), pixels)
    if expected is None:
        with pytest.raises(ImageError, match='16 bits a channel of which only the lower'):
            read_mask(path)
        return
    np.testing.assert_array_equal(read_mask(path), expected)


@pytest.mark.parametrize('limit', [1, 3, 12, 255, 1000, 65535])
def test_a_pgm_keeps_its_numbers(tmp_path, limit):
    numbers = np.minimum(many_regions(180), limit)
    header = f'P5 {SIZE[1]} {SIZE[0]} {limit}\n'.encode()
    (tmp_path / 'mask.ppm').write_bytes(
        header + numbers.astype('>u2' if limit > 255 else np.uint8).tobytes())
    np.testing.assert_array_equal(read_mask(tmp_path / 'mask.ppm'), numbers > 0)


@pytest.mark.parametrize('values', [
    MASK * np.nan, MASK * -1., MASK * 3.5 - 1, np.where(MASK, np.inf, 0),
    -REGIONS.astype(np.int32)])
def test_numbers_that_are_no_mask_are_refused(values):
    with pytest.raises(MaskError, match='expected a mask'):
        understand(values)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_two_values_in_any_depth_are_read_as_drawn(data):
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16, np.int32]))
    value = st.integers(0, min(np.iinfo(dtype).max, 2**31 - 1))
    low, high = sorted(data.draw(st.tuples(value, value)))
    assume(low < high)
    white = 255 if dtype == np.uint8 else 65535
    np.testing.assert_array_equal(understand(scaled(MASK, low, high, dtype), white=white).mask,
                                  MASK)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_areas_of_any_values_are_read_as_drawn_or_refused(data):
    """A drawn area must never be lost in silence."""
    values = data.draw(st.lists(st.integers(1, 255), min_size=4, max_size=12))
    numbers = many_regions(len(values))
    pixels = np.array([0, *values], np.uint8)[numbers]
    channels = data.draw(st.sampled_from(['grey', 'rgb', 'colors', 'alpha']))
    alpha = None
    if channels == 'rgb':
        pixels = np.dstack([pixels] * 3)
    elif channels == 'colors':
        pixels = np.dstack([pixels, pixels[::-1] * 0, 255 - pixels * (numbers > 0)])
        pixels[numbers == 0] = 0
    elif channels == 'alpha':
        alpha = pixels
        pixels = np.full((*SIZE, 3), data.draw(st.sampled_from([0, 90, 255])), np.uint8)
    try:
        reading = understand(pixels, alpha)
    except MaskError:
        return
    np.testing.assert_array_equal(reading.mask, numbers > 0)
    assert reading.remark or set(values) == {255} or (pixels.ndim == 3 and alpha is None)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_picture_that_differs_anywhere_is_never_read_as_empty_or_full(data):
    shape = data.draw(st.sampled_from([(1, 2), (3, 4), (9, 7)]))
    count = data.draw(st.sampled_from([1, 3, 4]))
    levels = data.draw(st.lists(st.integers(0, 255), min_size=1, max_size=4))
    flat = data.draw(st.lists(st.sampled_from(levels), min_size=shape[0] * shape[1] * count,
                              max_size=shape[0] * shape[1] * count))
    pixels = np.array(flat, np.uint8).reshape(*shape, count)
    alpha = pixels[..., 3] if count == 4 else None
    values = pixels[..., 0] if count == 1 else pixels[..., :3]
    try:
        mask = understand(values, alpha).mask
    except MaskError:
        return
    if mask.all() or not mask.any():
        seen = pixels if alpha is None or alpha.min() != alpha.max() else values
        assert (seen == seen[:1, :1]).all()
