"""Pseudo GTs of a second round, from toys whose artifacts move to where the LR image is red."""
from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from toys import GAN_AMPLITUDE, MIN_AREA, ToyGenerator, make_lq_folder, make_pairs

from mmdesra.apis.pseudo_gt import make_pseudo_gts
from mmdesra.datasets.next_round_maker import NextRoundMaker, RoundBefore
from mmdesra.datasets.pseudo_gt_folder import PseudoGTError, PseudoGTFolder
from mmdesra.detectors import DeSRA
from mmdesra.files import read_image, read_mask, write_image, write_mask
from mmdesra.generators import GeneratedPairs, Upscaler, fingerprint

DETECTOR = DeSRA(min_area=MIN_AREA)
NAMES = ('image0', 'image1', 'image2')


class Reddish(ToyGenerator):
    """Has its artifacts where the LR image is red, and everywhere one grey level less light."""

    def forward(self, x):
        return super().forward(x[:, [1, 0, 2]])[:, [1, 0, 2]] - 1 / 255


@pytest.fixture(scope='module')
def lq_dir(tmp_path_factory):
    """Three images: green in two of them, red in the first and in the last, which is clean."""
    folder = tmp_path_factory.mktemp('lq')
    make_lq_folder(folder, 3, clean=(2,))
    for name in ('image0', 'image2'):
        image = read_image(folder / f'{name}.png').copy()
        image[20:34, 4:18, 0] = 220
        write_image(folder / f'{name}.png', image)
    return folder


@pytest.fixture(scope='module')
def first(lq_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('first')
    make_pseudo_gts(make_pairs(lq_dir), DETECTOR, folder)
    return PseudoGTFolder(folder)


def next_round(lq_dir, before, out, tuned, number=2):
    pairs = GeneratedPairs(lq_dir, Upscaler(tuned), Upscaler(ToyGenerator()))
    maker = NextRoundMaker(pairs, DETECTOR, RoundBefore(
        before, Upscaler(ToyGenerator(GAN_AMPLITUDE)), number, 10 * (number - 1)))
    folder = PseudoGTFolder(out)
    maker.make(folder)
    return folder, maker.finish(folder, maker.skipped)


def test_masks_grow_and_the_rest_is_as_before_fine_tuning(lq_dir, first, tmp_path):
    tuned = Reddish(.2)
    folder, manifest = next_round(lq_dir, first, tmp_path / 'second', tuned)
    assert [record.name for record in manifest.records if record.regions] == list(NAMES)
    start, fine_tuned, mse = map(Upscaler, (ToyGenerator(GAN_AMPLITUDE), tuned, ToyGenerator()))
    for record in manifest.records:
        lq, mask = read_image(lq_dir / record.lq), read_mask(folder.mask_path(record.name))
        found = DETECTOR.detect(fine_tuned(lq), mse(lq))
        before = np.zeros_like(mask)
        if record.name != 'image2':  # it was clean
            before = read_mask(first.mask_path(record.name))
        np.testing.assert_array_equal(mask, before | found.mask)
        np.testing.assert_array_equal(read_image(folder.gt_path(record.name)),
                                      np.where(mask[..., None], mse(lq), start(lq)))
        assert (record.found, record.area) == (len(found.regions), mask.sum())
        assert record.name == 'image1' or not (found.mask <= before).all()


def test_manifest_says_which_round_and_weights(lq_dir, first, tmp_path):
    tuned = Reddish(.2)
    _, manifest = next_round(lq_dir, first, tmp_path / 'second', tuned)
    made_with, before = manifest.made_with, first.read_manifest()
    assert (made_with['round'], made_with['iteration']) == (2, 10)
    assert made_with['gan_sha256'] == fingerprint(tuned) != before.made_with['gan_sha256']
    assert made_with['round_before'] == before.fingerprint
    assert made_with['detector'] == before.made_with['detector']


@pytest.mark.parametrize('change', ['weights', 'round', 'round before'])
def test_never_gone_on_with_by_another_round(lq_dir, first, tmp_path, change):
    out, tuned = tmp_path / 'second', Reddish(.2)
    folder, _ = next_round(lq_dir, first, out, tuned)
    before = folder if change == 'round before' else first
    weights = Reddish(.1) if change == 'weights' else tuned
    with pytest.raises(PseudoGTError, match='made with other weights or settings'):
        next_round(lq_dir, before, out, weights, 3 if change == 'round' else 2)


def test_round_that_finds_nothing_has_the_pairs_of_the_one_before(lq_dir, first, tmp_path):
    folder, manifest = next_round(lq_dir, first, tmp_path / 'second', ToyGenerator())
    assert [record.found for record in manifest.records] == [0, 0, 0]
    for part in ('gt', 'mask'):
        contents = [{path.name: path.read_bytes() for path in (root / part).iterdir()}
                    for root in (folder.root, first.root)]
        assert contents[0] == contents[1] != {}


def test_first_round_says_nothing_of_rounds(first):
    content = json.loads((first.root / 'manifest.json').read_text())
    assert 'round' not in content['made_with']
    assert all('found' not in record for record in content['records'])


def test_changed_lr_image_has_no_mask_from_before(lq_dir, first, tmp_path):
    """Its mask is of another picture."""
    make_lq_folder(tmp_path / 'lq', 3, clean=(0, 1, 2), seed=3)
    folder, manifest = next_round(tmp_path / 'lq', first, tmp_path / 'second', ToyGenerator())
    assert [record.area for record in manifest.records] == [0, 0, 0]
    assert not folder.masks()


def test_mask_that_was_repainted_in_another_size_is_named(lq_dir, first, tmp_path):
    """And its image skipped, as any that cannot be used."""
    before = PseudoGTFolder(shutil.copytree(first.root, tmp_path / 'first'))
    path = before.mask_path('image0')
    write_mask(path, read_mask(path)[::2, ::2])
    _, manifest = next_round(lq_dir, before, tmp_path / 'second', ToyGenerator())
    assert [record.name for record in manifest.records] == ['image1', 'image2']
    assert manifest.skipped == {
        'image0.png': f"{path}: expected a mask of the SR image's size 192x160, got 96x80"}
