"""One run of the hook in a real small Runner, from start to end, seen from all sides."""
from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_training import (
    GT_PATCH_SIZE,
    Probe,
    make_runner,
    model_config,
    results_of,
    training_config,
)
from toys import GAN_AMPLITUDE, ToyGenerator

from mmdesra.datasets.pseudo_gt_folder import PseudoGTFolder
from mmdesra.files import read_image, read_mask
from mmdesra.generators import Upscaler
from mmdesra.ops import detail_outside

ITERATIONS = 5
HELDOUT_PIXELS = 4 * 160 * 192


@pytest.fixture(scope='module')
def probe():
    return Probe()


@pytest.fixture(scope='module')
def warnings():
    return []


@pytest.fixture(scope='module')
def runner(data, probe, warnings, tmp_path_factory):
    config = training_config(model_config(), iterations=ITERATIONS)
    runner = make_runner(tmp_path_factory.mktemp('finished') / 'run', data, config, probe)
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())
    runner.logger.addHandler(handler)
    runner.train()
    return runner


@pytest.fixture(scope='module')
def results(runner):
    return results_of(runner)


def test_pseudo_gts_are_mse_inside_the_masks_and_gan_outside(runner, data):
    folder = PseudoGTFolder(Path(runner.work_dir) / 'pseudo_gt')
    assert folder.is_complete
    names = [record.name for record in folder.read_manifest().records if record.regions]
    assert names == ['image0', 'image2', 'image3']  # image1 is clean
    gan, mse = Upscaler(ToyGenerator(GAN_AMPLITUDE)), Upscaler(ToyGenerator())
    for name in names:
        lq, mask = read_image(data.lq / f'{name}.png'), read_mask(folder.mask_path(name))
        expected = np.where(mask[..., None], mse(lq), gan(lq))
        np.testing.assert_array_equal(read_image(folder.gt_path(name)), expected)


def test_trains_on_the_pairs(runner, probe):
    assert len(probe.batches) == ITERATIONS
    folder = Path(runner.work_dir) / 'pseudo_gt/gt'
    assert {Path(sample.gt_path).parent for sample in probe.samples} == {folder}
    for sample in probe.samples:
        assert sample.gt_img.shape == (3, GT_PATCH_SIZE, GT_PATCH_SIZE)
        assert torch.equal(sample.gt_unsharp, sample.gt_img)  # RealESRGAN reads it


def test_patches_of_a_pair_show_one_place(runner, probe):
    """Inside the mask the pseudo GT is the MSE-SR image, which repeats the LR pixels."""
    for batch in probe.batches:
        for lq, sample in zip(batch['inputs'], batch['data_samples']):
            squares = lq.repeat_interleave(4, -2).repeat_interleave(4, -1)
            mask = sample.mask[0] > 0
            assert torch.equal(sample.gt_img[:, mask], squares[:, mask])


def test_starts_from_the_checkpoint(runner, probe):
    assert probe.start['generator.amplitude'].item() == pytest.approx(GAN_AMPLITUDE)


def test_without_discriminator_weights_the_adversarial_loss_is_off_and_this_is_said(
        runner, probe, warnings):
    assert runner.model.gan_loss is None
    (said,) = [text for text in warnings if 'discriminator' in text]
    assert 'discriminator_checkpoint' in said
    assert 'OFF' in said
    for name, value in runner.model.discriminator.state_dict().items():
        assert torch.equal(value, probe.start[f'discriminator.{name}'])


def test_artifacts_go_and_none_comes(runner, results):
    assert abs(runner.model.generator.amplitude.item()) < .02
    assert results['images'] == 4
    assert results['regions_before'] > 3
    assert results['area_before'] > 10000
    assert results['regions_after'] == results['area_after'] == 0
    assert results['removal_rate'] == 1
    assert results['addition_rate'] == 0


def test_detail_kept_is_that_of_the_generators(runner, results, data):
    before, after = Upscaler(ToyGenerator(GAN_AMPLITUDE)), Upscaler(runner.model.generator)
    sums = {before: 0, after: 0}
    for path in data.heldout.glob('*.png'):
        mask = read_mask(Path(runner.work_dir) / 'heldout/mask_before' / path.name)
        for upscaler in sums:
            image = torch.from_numpy(upscaler(read_image(path)).transpose(2, 0, 1).copy())
            sums[upscaler] += detail_outside(image, torch.from_numpy(mask))
    assert results['detail_kept'] == pytest.approx(sums[after] / sums[before], abs=1e-9)


def test_each_stage_is_timed(results):
    seconds = results['seconds']
    assert list(seconds) == ['detect_before', 'pseudo_gt', 'finetune', 'detect_after']
    assert all(0 < value < 60 for value in seconds.values())


def test_checkpoints_are_in_the_work_dir(runner):
    paths = sorted(Path(runner.work_dir).glob('iter_*.pth'))
    assert [path.name for path in paths] == ['iter_2.pth', 'iter_4.pth', 'iter_5.pth']
    state = torch.load(paths[-1], weights_only=True)['state_dict']
    assert torch.equal(state['generator.amplitude'], runner.model.generator.amplitude.detach())


def test_no_validation_where_it_would_repeat_the_comparison(runner):
    assert runner.val_loop is None


def test_training_that_changes_nothing(data, tmp_path):
    """At a learning rate of 0 validation in between finds what there was before and is after.

    The metric in MMagic's loop and the hook thus see the same images with the same generators.
    """
    config = training_config(model_config(), lr=0., iterations=2, val_interval=1)
    runner = make_runner(tmp_path / 'run', data, config)
    runner.train()
    results, scalars = results_of(runner), runner.message_hub.log_scalars
    assert results['regions_after'] == results['regions_before']
    assert results['removal_rate'] == results['addition_rate'] == 0
    assert results['detail_kept'] == 1
    assert scalars['val/DeSRA/regions'].data[0].tolist() == [results['regions_before']] * 2
    assert scalars['val/DeSRA/artifact_images'].current() == .75
    assert scalars['val/DeSRA/artifact_area'].current() == pytest.approx(
        results['area_before'] / HELDOUT_PIXELS)
    pictures = Path(runner.work_dir).glob('*/vis_data/vis_image/image*.png')
    assert {path.name for path in pictures} == {
        f'image{number}_{step}.png' for number in range(4) for step in (1, 2)}
