"""Photographs as ground truths of their own reductions."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.datasets.degradations import BicubicReduction
from mmdesra.datasets.own_truths import OwnTruths
from mmdesra.errors import InputError
from mmdesra.files import ImageError, write_image

SHADES = (40, 90, 150, 220)


def photographs(folder, sizes, seed=0):
    """Write a photograph for each (width, height): noise around a shade of its own."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    for number, (width, height) in enumerate(sizes):
        noise = rng.integers(-9, 10, (height, width, 3))
        write_image(folder / f'{number}.png',
                    (SHADES[number % len(SHADES)] + noise).astype(np.uint8))
    return str(folder)


def pair_of(dataset, index=0):
    np.random.seed(index)
    sample = dataset[index]
    lq = sample['inputs'].numpy().transpose(1, 2, 0)
    gt = sample['data_samples'].gt_img.numpy().transpose(1, 2, 0)
    return lq, gt


def test_a_patch_of_a_large_photograph_is_cut_and_reduced(tmp_path):
    dataset = OwnTruths(photographs(tmp_path / 'in', [(100, 90)]), 64, 4)
    lq, gt = pair_of(dataset)
    assert gt.shape == (64, 64, 3) and lq.shape == (16, 16, 3)
    assert np.array_equal(lq, BicubicReduction(4)(np.ascontiguousarray(gt)))
    assert np.abs(gt.astype(int) - SHADES[0]).max() < 10


def test_small_photographs_fill_a_patch_together(tmp_path):
    """Each place is of some photograph, seams lie between LR pixels, each LR pixel is its own."""
    dataset = OwnTruths(photographs(tmp_path / 'in', [(60, 41), (33, 70), (50, 50)]), 96, 4)
    seen = set()
    for index in range(3):
        lq, gt = pair_of(dataset, index)
        nearest = np.abs(gt.mean(-1)[..., None] - SHADES[:3]).argmin(-1)
        blocks = nearest.reshape(24, 4, 24, 4).swapaxes(1, 2).reshape(24, 24, 16)
        assert (blocks == blocks[..., :1]).all()
        assert nearest[0, 0] == index  # it begins with the one that is asked for
        own = np.take(SHADES, blocks[..., 0])
        assert np.abs(lq.mean(-1) - own).max() < 9
        seen |= set(nearest.flat)
    assert len(seen) == 3


@given(patch=st.integers(1, 40), scale=st.sampled_from([2, 3, 4, 8]),
       sides=st.lists(st.tuples(st.integers(32, 200), st.integers(32, 200)), min_size=1,
                      max_size=3), seed=st.integers(0, 99))
def test_every_patch_is_filled_once(patch, scale, sides, seed):
    """The windows cover the patch without overlap, whatever the sizes."""
    dataset = OwnTruths.__new__(OwnTruths)
    dataset.patch, dataset.scale = patch * scale, scale
    np.random.seed(seed)
    covered = np.zeros((dataset.patch, dataset.patch), int)
    to_fill = [(0, 0, dataset.patch, dataset.patch)]
    while to_fill:
        top, left, height, width = to_fill.pop()
        side = sides[np.random.randint(len(sides))]
        rows, columns = (dataset._piece(*pair) for pair in zip(side, (height, width)))
        assert rows % scale == columns % scale == 0
        assert 0 < rows <= side[0] and 0 < columns <= side[1]
        covered[top:top + rows, left:left + columns] += 1
        to_fill += [(top, left + columns, rows, width - columns)] * (columns < width)
        to_fill += [(top + rows, left, height - rows, width)] * (rows < height)
    assert (covered == 1).all()


def test_real_degradations_on_every_piece(tmp_path):
    pytest.importorskip('mmagic')
    dataset = OwnTruths(photographs(tmp_path / 'in', [(60, 41), (50, 50)]), 96, 4, 'realesrgan')
    first, again = pair_of(dataset), pair_of(dataset)
    assert all(map(np.array_equal, first, again))
    plain = BicubicReduction(4)(np.ascontiguousarray(first[1]))
    assert first[0].shape == plain.shape and not np.array_equal(first[0], plain)


def test_broken_and_tiny_photographs_are_left_out_by_name(tmp_path):
    folder = photographs(tmp_path / 'in', [(60, 60), (20, 60)])
    (tmp_path / 'in/broken.jpg').write_bytes(b'\xff\xd8no')
    dataset = OwnTruths(folder, 64, 4)
    assert len(dataset) == 1
    assert sorted(reason.split(':')[0].rsplit('/')[-1] for reason in dataset.skipped) == [
        '1.png', 'broken.jpg']
    with pytest.raises(ImageError, match='20x60'):
        OwnTruths(photographs(tmp_path / 'tiny', [(20, 60)]), 64, 4)


@pytest.mark.parametrize('arguments, message', [
    ((66, 4), 'multiple of the scale 4'), ((64, 1), 'scale of at least 2'),
    ((64, 4, 'trilinear'), 'one of the degradations')])
def test_impossible_arguments(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        OwnTruths(photographs(tmp_path / 'in', [(60, 60)]), *arguments)
