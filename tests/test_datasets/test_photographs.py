from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toys import make_lq_image

from mmdesra.datasets.photographs import Cutting, cut_to, unique_names
from mmdesra.errors import InputError
from mmdesra.files import ImageError


@pytest.fixture
def photograph(tmp_path):
    path = tmp_path / 'lake.png'
    Image.fromarray(make_lq_image(0, (203, 301))).save(path)
    return path


def test_as_it_is_but_for_what_the_scale_does_not_divide(photograph):
    piece, = Cutting(4).pieces(photograph)
    assert (piece.name, piece.source, piece.short_side) == ('lake', 'lake.png', 203)
    np.testing.assert_array_equal(piece.image, make_lq_image(0, (203, 301))[:200, :300])


def test_sizes_that_would_enlarge_are_left_out(photograph):
    pieces = list(Cutting(4, (400, 203, 100)).pieces(photograph))
    assert [(piece.name, piece.image.shape[:2]) for piece in pieces] == [
        ('lake_203', (200, 300)), ('lake_100', (100, 148))]
    piece, = Cutting(4, (400, 900)).pieces(photograph)
    assert piece.name == 'lake' and piece.image.shape[:2] == (200, 300)


def test_crops_do_not_overlap_are_in_place_and_hang_on_the_seed(photograph):
    whole = make_lq_image(0, (203, 301))
    pieces = list(Cutting(4, crop=64, crops=9).pieces(photograph))
    assert len({piece.name for piece in pieces}) == len({piece.corner for piece in pieces}) == 9
    taken = np.zeros(whole.shape[:2], int)
    for piece in pieces:
        row, column = piece.corner
        np.testing.assert_array_equal(piece.image, whole[row:row + 64, column:column + 64])
        taken[row:row + 64, column:column + 64] += 1
    assert taken.max() == 1
    again = list(Cutting(4, crop=64, crops=9).pieces(photograph))
    assert [piece.corner for piece in again] == [piece.corner for piece in pieces]
    other = list(Cutting(4, crop=64, crops=9, seed=1).pieces(photograph))
    assert [piece.corner for piece in other] != [piece.corner for piece in pieces]


def test_a_crop_larger_than_the_photograph_is_all_of_it(photograph):
    piece, = Cutting(4, crop=1000, crops=3).pieces(photograph)
    assert piece.image.shape[:2] == (200, 300)


@pytest.mark.parametrize('values, message', [
    (dict(scale=1), 'scale of at least 2'), (dict(short_sides=(20,)), 'at least 32 px'),
    (dict(crop=8), 'crop of at least 32'), (dict(crops=0), 'at least 1 crop'),
    (dict(seed=-1), 'seed of at least 0')])
def test_what_cannot_be_cut_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        Cutting(**values)


def test_a_photograph_that_is_too_small_is_refused(tmp_path):
    path = tmp_path / 'small.png'
    Image.fromarray(np.zeros((31, 99, 3), np.uint8)).save(path)
    with pytest.raises(ImageError, match='small.png: expected .* 32 px a side, got 99x31'):
        list(Cutting(4).pieces(path))


def test_two_photographs_of_one_stem_are_told_apart(photograph):
    other = photograph.with_suffix('.bmp')
    Image.fromarray(make_lq_image(1, (64, 64))).save(other)
    names = set()
    list(unique_names(Cutting(4).pieces(photograph), names))
    with pytest.raises(ImageError, match='lake.bmp: .* is called lake, too'):
        list(unique_names(Cutting(4).pieces(other), names))


def test_a_truth_is_cut_by_what_a_reduction_drops_and_no_more():
    truth = make_lq_image(0, (83, 62))
    np.testing.assert_array_equal(cut_to(truth, np.zeros((80, 60, 3)), 4, Path('a')),
                                  truth[:80, :60])
    for size in (76, 60), (84, 60):
        with pytest.raises(ImageError, match='a: expected the ground truth'):
            cut_to(truth, np.zeros((*size, 3)), 4, Path('a'))
