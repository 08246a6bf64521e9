"""Fine-tuning with the user's own photographs as ground truths in each batch."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.registry import HOOKS
from torch import nn
from toy_training import GT_PATCH_SIZE, Probe, make_runner, model_config, training_config
from toys import SCALE

from mmdesra.engine.inherit import HOOK
from mmdesra.engine.truth_loss import TruthLoss, take_truth_loss
from mmdesra.errors import InputError
from mmdesra.models.texture_loss import PixelTextureLoss
from mmdesra.models.vgg16 import VGG16Stages

SHARE = 1 / 3
NEEDED = dict(type=HOOK, lq_dir='a', mse_checkpoint='b')


def train(work_dir, data, iterations=4, resume=False, model='RealESRGAN', **hook):
    config = training_config(model_config(model), iterations=iterations)
    config.train_dataloader.batch_size = 3
    config.resume = resume
    probe = Probe()
    runner = make_runner(work_dir, data, config, probe,
                         **{'truth_share': SHARE, 'heldout_lq_dir': None, **hook})
    runner.probe = probe
    runner.train()
    return runner


@pytest.mark.parametrize('model', ['SRGAN', 'RealESRGAN'])
def test_batches_hold_pseudo_gts_and_truths_each_with_its_loss(data, tmp_path, model):
    runner = train(tmp_path / 'run', data, model=model)
    assert len(runner.probe.batches) == 4
    for batch in runner.probe.batches:
        truths = [sample.has_truth for sample in batch['data_samples']]
        assert truths == [False, False, True]
        folders = [Path(sample.gt_path).parent for sample in batch['data_samples']]
        assert folders == [tmp_path / 'run/pseudo_gt/gt'] * 2 + [data.lq]
        assert {tuple(image.shape) for image in batch['inputs']} == {
            (3, GT_PATCH_SIZE // SCALE, GT_PATCH_SIZE // SCALE)}
    loss = runner.model.pixel_loss
    assert type(loss.truth_loss) is TruthLoss
    assert type(loss.pseudo_gt_loss).__name__ == 'L1Loss'
    assert loss.has_truth.tolist() == [False, False, True]


def test_the_loss_is_that_of_the_two_parts(data, tmp_path):
    """Of the last batch, by hand."""
    runner = train(tmp_path / 'run', data, iterations=1)
    batch = runner.model.data_preprocessor(runner.probe.batches[-1], training=True)
    gt = batch['data_samples'].gt_img
    pred = (gt + .1 * torch.rand_like(gt)).clamp(0, 1)
    expected = (pred[:2] - gt[:2]).abs().mean() + PixelTextureLoss(.5, 2.)(pred[2:], gt[2:])
    assert runner.model.pixel_loss(pred, gt).item() == pytest.approx(expected.item(), rel=1e-5)


def test_another_folder_of_photographs_and_another_loss(data, tmp_path):
    runner = train(tmp_path / 'run', data, iterations=1, truth_dir=str(data.heldout),
                   truth_loss=dict(pixel_weight=3, texture_weight=0))
    sample = runner.probe.batches[0]['data_samples'][2]
    assert Path(sample.gt_path).parent == data.heldout
    image = torch.rand(1, 3, 16, 16)
    assert runner.model.pixel_loss.truth_loss(image, 0 * image).item() == pytest.approx(
        3 * image.mean().item(), rel=1e-5)


def test_resumed_run_ends_as_an_undisturbed_one(data, tmp_path, capsys):
    whole = train(tmp_path / 'whole', data, 4)
    train(tmp_path / 'halves', data, 2)
    resumed = train(tmp_path / 'halves', data, 4, resume=True)
    assert 'metainfo' not in capsys.readouterr().out
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_vgg16s_weights_add_a_perceptual_term_and_stay_out_of_checkpoints(data, tmp_path):
    torch.manual_seed(0)
    torch.save(VGG16Stages().state_dict(), tmp_path / 'vgg16.pth')
    loss = TruthLoss(vgg16_weights=tmp_path / 'vgg16.pth')
    pred, target = torch.rand(2, 1, 3, 32, 32)
    without = TruthLoss()(pred, target)
    assert loss.is_perceptual and loss(pred, target) > without
    assert not loss.state_dict()
    assert not TruthLoss(perceptual_weight=0, vgg16_weights='not read').is_perceptual
    with pytest.raises(InputError, match='vgg16'):
        TruthLoss(vgg16_weights=data.gan)


@pytest.mark.parametrize('options, message', [
    (dict(truth_share=1), r'truth_share in \[0, 1\), got 1'),
    (dict(truth_share=.5, original_share=.5), 'original_share or truth_share, got both'),
    (dict(truth_dir='photos'), 'truth_dir needs truth_share'),
    (dict(truth_share=.5, truth_degradation='blur'), 'truth_degradation to be one of'),
    (dict(truth_share=.5, truth_loss=dict(weight=1)), "unexpected keyword argument 'weight'"),
    (dict(truth_share=.5, truth_loss=dict(pixel_weight=-1)), 'pixel_weight of at least 0'),
    (dict(truth_share=.5, truth_loss='L1'), 'truth_loss to be a dict')])
def test_impossible_settings(options, message):
    with pytest.raises(InputError, match=message):
        HOOKS.build(dict(NEEDED, **options))


def test_a_model_without_pixel_loss_is_refused():
    with pytest.raises(InputError, match='Identity has no pixel_loss'):
        take_truth_loss(nn.Identity(), TruthLoss())
