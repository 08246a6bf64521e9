"""Photographs cut into tiles: every pixel once, small ones, broken ones, and what is kept."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmdesra.datasets.photograph_tiles import (
    MOST_OF_ONE,
    Tiling,
    _spans,
    cut_photographs,
    tiles_of_each,
)
from mmdesra.files import collect_images, read_image

TILING = Tiling(least=32, wanted=48)


def write_photograph(path, height, width, seed=0):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(image).save(path)
    return image


def cut(tmp_path, tiling=TILING):
    return cut_photographs(collect_images(tmp_path / 'photos'), tmp_path / 'tiles', tiling)


@pytest.fixture
def photos(tmp_path):
    (tmp_path / 'photos').mkdir()
    return tmp_path / 'photos'


@given(st.integers(1, 9000), st.sampled_from([256, 400, 512]))
def test_parts_cover_a_side_once(length, side):
    spans = _spans(length, side)
    assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), length]
    sizes = [end - start for start, end in spans]
    assert max(sizes) < 2 * side and (len(spans) == 1 or min(sizes) >= side - 1)


def test_tiles_together_are_the_photograph(photos, tmp_path):
    image = write_photograph(photos / 'a.png', 520, 770)
    [photograph], skipped = cut(tmp_path)
    assert not skipped and photograph.count == len(photograph.paths) == 2 * 3
    rows = [np.concatenate([read_image(path) for path in photograph.paths[3 * row:3 * row + 3]], 1)
            for row in range(2)]
    np.testing.assert_array_equal(np.concatenate(rows), image)


def test_of_a_large_photograph_so_many_tiles_as_are_wanted_the_same_each_time(photos, tmp_path):
    write_photograph(photos / 'a.png', 600, 1100)
    tiling = Tiling(32, 48, most=3)
    [photograph], _ = cut(tmp_path, tiling)
    assert len(photograph.paths) == 3 and photograph.count == 8
    again = cut_photographs(collect_images(photos), tmp_path / 'elsewhere', tiling)[0][0]
    assert [path.name for path in again.paths] == [path.name for path in photograph.paths]
    other = cut_photographs(collect_images(photos), tmp_path / 'other', Tiling(32, 48, 3, seed=1))
    assert len({path.name for path in (*photograph.paths, *other[0][0].paths)}) > 3


def test_small_ones_are_mirrored_smaller_ones_are_named(photos, tmp_path):
    small = write_photograph(photos / 'a.png', 40, 60)
    write_photograph(photos / 'b.png', 31, 200)
    (photos / 'c.png').write_bytes((photos / 'b.png').read_bytes()[:300])
    [photograph], (low, torn) = cut(tmp_path)
    assert photograph.is_mirrored and photograph.name == 'a'
    tile = read_image(photograph.paths[0])
    assert tile.shape == (48, 60, 3)
    np.testing.assert_array_equal(tile, np.concatenate([small, small[:-9:-1]]))
    # Without the name of an option: `mmdesra cure` has none for it.
    assert low.endswith('b.png: expected a photograph of at least 32x32 px, one patch, got 200x31')
    assert 'c.png: ' in torn


def test_what_is_cut_is_not_cut_again(photos, tmp_path, monkeypatch):
    for name in 'ab':
        write_photograph(photos / f'{name}.png', 60, 60)
    before, _ = cut(tmp_path)
    read = []
    monkeypatch.setattr('mmdesra.datasets.photograph_tiles.read_image',
                        lambda path: read.append(path.name) or read_image(path))
    assert cut(tmp_path)[0] == before and not read

    write_photograph(photos / 'a.png', 60, 64, seed=1)  # changed
    before[1].paths[0].unlink()  # lost
    after, _ = cut(tmp_path)
    assert sorted(read) == ['a.png', 'b.png']
    assert read_image(after[0].paths[0]).shape[:2] == (60, 64)
    read.clear()
    cut(tmp_path, Tiling(32, 50))  # cut otherwise
    assert sorted(read) == ['a.png', 'b.png']


@pytest.mark.parametrize('content', ['', '{', '[]', '{}', '{"made_from": 1, "tiles": 2}'])
def test_a_damaged_record_is_made_again(photos, tmp_path, content):
    write_photograph(photos / 'a.png', 60, 60)
    before, _ = cut(tmp_path)
    [record] = (tmp_path / 'tiles').glob('*.json')
    text = record.read_text()
    record.write_text(content)
    assert cut(tmp_path)[0] == before
    assert record.read_text() == text


def test_names_in_sub_folders_do_not_meet(photos, tmp_path):
    for sub in 'xy':
        (photos / sub).mkdir()
        write_photograph(photos / sub / 'a.png', 50, 50, seed=ord(sub))
    paths = collect_images(photos, recursive=True)
    tiled, _ = cut_photographs(paths, tmp_path / 'tiles', TILING)
    assert [one.name for one in tiled] == ['x/a', 'y/a']
    for one, path in zip(tiled, paths):
        np.testing.assert_array_equal(read_image(one.paths[0]), read_image(path))


def test_two_of_one_name_are_refused_even_if_one_was_cut_before(photos, tmp_path):
    write_photograph(photos / 'a.png', 50, 50)
    cut(tmp_path)
    write_photograph(photos / 'a.bmp', 50, 50)
    tiled, skipped = cut(tmp_path)
    assert not tiled and len(skipped) == 2


def test_of_many_photographs_few_tiles_each():
    assert tiles_of_each(1) == tiles_of_each(80) == MOST_OF_ONE
    assert tiles_of_each(1000) == 2 and tiles_of_each(10**6) == 1
