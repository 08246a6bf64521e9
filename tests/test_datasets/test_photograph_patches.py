"""Samples that depend on their number alone, and photographs that are held out by name."""
from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from PIL import Image
from torch.utils.data import DataLoader
from toys import make_lq_image

from mmdesra.datasets.partner_pipeline import patch_pipeline
from mmdesra.datasets.photograph_patches import PhotographPatches, share_of_name, split_by_name
from mmdesra.datasets.photograph_tiles import TiledPhotograph
from mmdesra.files import ImageError

pytestmark = pytest.mark.usefixtures('own_scope')


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photographs')
    for seed in range(5):
        Image.fromarray(make_lq_image(seed, (70, 90))).save(folder / f'{seed}.png')
    return folder


def patches(photographs, tmp_path, degradation='bicubic', size=32, **options):
    made = patch_pipeline([], 4, size, degradation)
    return PhotographPatches(str(photographs), str(tmp_path / 'tiles'), made.steps,
                             made.patch_size, made.wanted, **options)


def same(one, other):
    return torch.equal(one['inputs'], other['inputs']) and torch.equal(
        one['data_samples'].gt_img, other['data_samples'].gt_img)


@pytest.mark.parametrize('degradation', ['bicubic', 'realesrgan'])
def test_equal_numbers_are_equal_samples_whatever_was_drawn_before(
        degradation, photographs, tmp_path):
    first = patches(photographs, tmp_path, degradation)
    wanted = [first[number] for number in range(6)]
    random.seed(99)
    np.random.seed(99)
    state = np.random.get_state()[1].copy()
    other = patches(photographs, tmp_path, degradation)
    for number in (5, 0, 3, 3):
        assert same(other[number], wanted[number])
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert not any(same(wanted[0], one) for one in wanted[1:])
    gt = wanted[0]['data_samples'].gt_img
    assert gt.shape == (3, 32, 32) and wanted[0]['inputs'].shape == (3, 8, 8)
    assert not same(patches(photographs, tmp_path, degradation, seed=1)[0], wanted[0])


def test_workers_make_the_same(photographs, tmp_path):
    dataset = patches(photographs, tmp_path)
    loader = DataLoader(dataset, 2, sampler=range(4), num_workers=2, collate_fn=pseudo_collate)
    found = [image for batch in loader for image in batch['inputs']]
    assert all(torch.equal(image, dataset[n]['inputs']) for n, image in enumerate(found))


def test_every_tile_comes_before_any_comes_again(photographs, tmp_path):
    dataset = patches(photographs, tmp_path)
    for epoch in range(3):
        names = [dataset[5 * epoch + place]['data_samples'].gt_path for place in range(5)]
        assert len(set(names)) == 5


def test_held_out_ones_are_never_trained_on(photographs, tmp_path):
    parts = {part: patches(photographs, tmp_path, part=part, heldout_share=.3)
             for part in ('train', 'heldout', 'all')}
    names = {part: {one.name for one in found.photographs} for part, found in parts.items()}
    assert names['train'] | names['heldout'] == names['all'] == set('01234')
    assert not names['train'] & names['heldout'] and names['heldout']
    drawn = {parts['train'][number]['data_samples'].gt_path for number in range(20)}
    held = {str(path) for one in parts['heldout'].photographs for path in one.paths}
    assert drawn and not drawn & held


def test_a_share_of_many_by_their_names_alone():
    many = [TiledPhotograph(f'IMG_{number}', ()) for number in range(2000)]
    _, heldout = split_by_name(many, .15)
    assert len(heldout) == pytest.approx(300, abs=60)
    assert [one.name for one in heldout] == [
        one.name for one in many if share_of_name(one.name) < .15]
    assert split_by_name(many[:1000], .15)[1] == [one for one in heldout if one in many[:1000]]
    assert split_by_name(many, 0) == (many, [])


@pytest.mark.parametrize('share', [1e-9, 1 - 1e-9])
def test_at_least_one_and_never_all(share):
    few = [TiledPhotograph(name, ()) for name in 'abc']
    train, heldout = split_by_name(few, share)
    assert len(train) + len(heldout) == 3 and min(len(train), len(heldout)) == 1


def test_one_photograph_alone_cannot_be_held_out(photographs, tmp_path):
    one = photographs / '0.png'
    with pytest.raises(ImageError, match=r'at least 2 photographs .* got 1; .*--heldout-share 0'):
        patches(one, tmp_path, part='train', heldout_share=.2)
    assert len(patches(one, tmp_path).photographs) == 1


def test_left_out_and_mirrored_ones_are_said(photographs, tmp_path, caplog):
    for size, name in ((40, 'mirrored'), (20, 'small')):
        Image.new('RGB', (size, 60)).save(tmp_path / f'{name}.png')
    Image.new('RGB', (64, 60)).save(tmp_path / 'whole.png')
    dataset = patches(tmp_path, tmp_path, 'realesrgan')  # of 50 px 32 are cut
    assert 'small.png' in dataset.skipped[0]
    text = caplog.text
    assert 'skipped: ' in text and '1 of 2 photographs are smaller than the 52 px' in text
    assert 'mirror image: mirrored' in text
    assert {dataset[number]['inputs'].shape for number in range(4)} == {(3, 8, 8)}


def test_tiles_below_the_photographs_are_no_photographs(tmp_path):
    for name in 'ab':
        Image.fromarray(make_lq_image(ord(name), (60, 60))).save(tmp_path / f'{name}.png')
    for _ in range(2):
        dataset = patches(tmp_path, tmp_path / 'work', recursive=True)
        assert [one.name for one in dataset.photographs] == ['a', 'b']


def test_none_that_can_be_used(tmp_path):
    Image.new('RGB', (20, 60)).save(tmp_path / 'small.png')
    with pytest.raises(ImageError, match=r'no photograph that can be used; .*small\.png'):
        patches(tmp_path, tmp_path)
