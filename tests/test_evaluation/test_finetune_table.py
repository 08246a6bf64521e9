from __future__ import annotations

import numpy as np
import pytest
from toys import GAN_AMPLITUDE, MIN_AREA, ToyGenerator, make_lq_folder

from mmdesra.detectors import DeSRA
from mmdesra.evaluation.finetune_table import TestSet
from mmdesra.files import read_mask
from mmdesra.generators import Upscaler


class LeftHalf(ToyGenerator):
    """Has its artifacts in the left half only."""

    def forward(self, x):
        sr, plain = super().forward(x), ToyGenerator()(x)
        half = sr.shape[-1] // 2
        plain[..., :half] = sr[..., :half]
        return plain


@pytest.fixture
def images(tmp_path):
    make_lq_folder(tmp_path / 'lq', count=3, clean=(1,))
    images = TestSet(tmp_path / 'lq', tmp_path / 'out', Upscaler(ToyGenerator()),
                     DeSRA(min_area=MIN_AREA))
    images.measure_before(Upscaler(ToyGenerator(GAN_AMPLITUDE)))
    return images


def test_unchanged_weights_have_the_masks_from_before(images):
    row = images.measure(Upscaler(ToyGenerator(GAN_AMPLITUDE)))
    assert row['images'] == 3 and row['regions_before'] > 0
    assert (row['iou'], row['removal_rate'], row['addition_rate']) == (1, 0, 0)
    assert row['detail_kept'] == 1 and 'per_image' not in row


def test_iou_is_the_mean_over_the_images_that_had_artifacts(images):
    row = images.measure(Upscaler(LeftHalf(GAN_AMPLITUDE)))
    before, after = ({path.name: read_mask(path) for path in (images.out_dir / folder).iterdir()}
                     for folder in ('mask_before', 'mask_after'))
    with_artifacts = [name for name, mask in before.items() if mask.any()]
    assert len(with_artifacts) == 2 and 0 < row['iou'] < 1
    assert row['iou'] == pytest.approx(np.mean([
        (before[name] & after[name]).sum() / (before[name] | after[name]).sum()
        for name in with_artifacts]))


def test_nothing_is_left(images):
    row = images.measure(Upscaler(ToyGenerator()))
    assert (row['iou'], row['removal_rate'], row['regions_after']) == (0, 1, 0)


def test_before_is_measured_once(images):
    row = images.measure(Upscaler(ToyGenerator(GAN_AMPLITUDE)))
    images.measure_before(Upscaler(ToyGenerator()))  # nothing would be left to compare with
    assert images.measure(Upscaler(ToyGenerator(GAN_AMPLITUDE))) == row


def test_iou_needs_an_artifact(tmp_path):
    make_lq_folder(tmp_path / 'lq', count=2, clean=(0, 1))
    toy = Upscaler(ToyGenerator(GAN_AMPLITUDE))
    other = Upscaler(ToyGenerator(.99 * GAN_AMPLITUDE))
    images = TestSet(tmp_path / 'lq', tmp_path / 'out', other, DeSRA(min_area=MIN_AREA))
    images.measure_before(toy)
    assert images.measure(toy)['iou'] is None


def test_quality_is_the_mean_over_the_pictures(images):
    images.measure(Upscaler(ToyGenerator(2 * GAN_AMPLITUDE)))
    kept, sharper = (images.quality(version, np.std) for version in ('gan_before', 'gan_after'))
    assert images.quality('mse', np.std) < kept < sharper
