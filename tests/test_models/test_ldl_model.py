"""LDL as a model: its loss beside Real-ESRGAN's, and training with it."""
from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS, DefaultScope
from toy_training import (
    GT_PATCH_SIZE,
    Probe,
    make_data,
    make_runner,
    model_config,
    results_of,
    training_config,
    write_role,
    write_whole_model,
)
from toys import GAN_AMPLITUDE, ToyGenerator

from mmdesra.ops.ldl import refined_artifact_map

EMA_HOOK = dict(type='ExponentialMovingAverageHook', module_keys='generator_ema', interval=1,
                interp_cfg=dict(momentum=.25))


@pytest.fixture(scope='module', autouse=True)
def mmagic_scope():
    with DefaultScope.overwrite_default_scope('mmagic'):
        yield


def build(amplitude=.2, ema_amplitude=.15, **changes):
    """LDL without a discriminator, whose generator and EMA differ."""
    torch.manual_seed(0)
    model = MODELS.build(model_config('LDL', discriminator=None, gan_loss=None, **changes))
    model.generator.amplitude.data.fill_(amplitude)
    if model.generator_ema is not None:
        model.generator_ema.amplitude.data.fill_(ema_amplitude)
    return model


@pytest.fixture(scope='module')
def images():
    """LR images, GT between the two models, and a sharpened GT that nobody asked for."""
    lq = torch.rand(2, 3, 10, 12, generator=torch.Generator().manual_seed(0))
    gt = ToyGenerator(.16)(lq).detach()
    return lq, gt, gt + .3 * torch.rand(gt.shape, generator=torch.Generator().manual_seed(1))


def losses_of(model, images):
    from mmagic.structures import DataSample
    lq, gt, sharpened = images
    sample = DataSample()
    sample.set_tensor_data(dict(gt_img=gt, gt_unsharp=255 * sharpened))
    output = model.forward_train(lq, sample)
    return model.g_step(output, model.extract_gt_data(sample))


def expected_loss(lq, gt, amplitude, ema_amplitude):
    """By NumPy: the residual of a toy is |amplitude − 0.16| a channel, where it is green."""
    with torch.no_grad():
        output, ema, gt = (x.double().numpy() for x in (
            ToyGenerator(amplitude)(lq), ToyGenerator(ema_amplitude)(lq), gt))
    losses = []
    for x, smooth, y in zip(output, ema, gt):
        residual, residual_of_ema = np.abs(y - x).sum(0), np.abs(y - smooth).sum(0)
        padded = np.pad(residual, 3, mode='reflect')
        windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
        local = windows.var(axis=(-1, -2), ddof=1)
        artifact_map = residual.var(ddof=1)**.2 * local * (residual >= residual_of_ema)
        losses.append(np.abs(artifact_map * (x - y)).mean())
    return np.mean(losses)


@pytest.mark.parametrize('weight', [1., .5])
def test_loss_is_that_of_the_definition(images, weight):
    # The EMA model is farther away in no pixel (0.15) or in all of the green ones (0.3).
    for ema_amplitude in (.15, .3):
        model = build(ema_amplitude=ema_amplitude, artifact_loss=dict(
            type='L1Loss', loss_weight=weight, reduction='mean'))
        value = losses_of(model, images)['loss_artifact'].item()
        expected = expected_loss(*images[:2], .2, ema_amplitude)
        assert value == pytest.approx(weight * expected, rel=1e-5)
    assert expected < 1e-9 < expected_loss(*images[:2], .2, .15)


def test_default_weight_is_the_authors():
    assert build().artifact_loss.loss_weight == 1.


@pytest.mark.parametrize('sharpened', [False, True])
def test_other_losses_are_real_esrgans(images, sharpened):
    flags = dict(is_use_sharpened_gt_in_pixel=sharpened)
    losses = losses_of(build(**flags), images)
    model = MODELS.build(model_config('RealESRGAN', discriminator=None, gan_loss=None, **flags))
    model.generator.amplitude.data.fill_(.2)
    plain = losses_of(model, images)
    assert list(losses) == [*plain, 'loss_artifact']
    for name, value in plain.items():
        assert torch.equal(losses[name], value)


def test_sharpening_leaves_the_artifact_loss_alone(images):
    plain = losses_of(build(), images)
    sharpened = losses_of(build(is_use_sharpened_gt_in_pixel=True,
                                is_use_sharpened_gt_in_percep=True), images)
    assert torch.equal(plain['loss_artifact'], sharpened['loss_artifact'])
    assert not torch.equal(plain['loss_pix'], sharpened['loss_pix'])


def test_only_the_generator_gets_gradients(images):
    model = build()
    losses_of(model, images)['loss_artifact'].backward()
    assert model.generator.amplitude.grad.item() > 0  # 0.2 is above the GT's 0.16
    assert model.generator_ema.amplitude.grad is None


def test_without_ema_the_map_is_not_refined(images):
    model = build(is_use_ema=False)
    lq, gt, _ = images
    output = ToyGenerator(.2)(lq)
    expected = (refined_artifact_map(output, gt) * (output - gt)).abs().mean()
    assert losses_of(model, images)['loss_artifact'].item() == pytest.approx(expected.item())


def test_without_artifact_loss_it_is_real_esrgan(images):
    assert list(losses_of(build(artifact_loss=None), images)) == ['loss_pix']


def test_ema_model_stays_in_evaluation_mode():
    """Its batch norm and stochastic depth must not make it another model than what is tested."""
    model = build().train()
    assert model.training and model.generator.training
    assert not model.generator_ema.training
    assert not build(is_use_ema=False).eval().generator.training


def test_default_config_is_not_changed_by_building():
    from mmdesra.models.ldl import ARTIFACT_LOSS
    before = deepcopy(ARTIFACT_LOSS)
    build()
    assert before == ARTIFACT_LOSS


class TestTraining:
    """A small Runner from start to end, with a discriminator and the EMA."""

    @staticmethod
    @pytest.fixture(scope='class')
    def run(tmp_path_factory):
        folder = tmp_path_factory.mktemp('ldl')
        model = model_config('LDL')
        state = write_whole_model(folder / 'whole.pth', model)
        probe = Probe()
        config = training_config(model, lr=.01, iterations=4, val_interval=2, hooks=[EMA_HOOK])
        with DefaultScope.overwrite_default_scope('mmengine'):
            runner = make_runner(
                folder / 'run', make_data(folder / 'data'), config, probe,
                discriminator_checkpoint=write_role(folder / 'd.pth', state, 'discriminator'))
            runner.train()
        runner.probe = probe
        return runner

    def test_loss_is_logged(self, run):
        values = run.message_hub.get_scalar('train/loss_artifact').data[0]
        assert len(values) == 4
        # At first generator and EMA are one: nothing is refined, and artifacts are there.
        assert np.isfinite(values).all() and values[0] > 0
        scalars = run.message_hub.log_scalars
        assert {'train/loss_pix', 'train/loss_gan', 'train/loss_d_real'} <= set(scalars)

    def test_first_loss_is_that_of_the_first_batch(self, run):
        lq = torch.stack(list(run.probe.batches[0]['inputs'])) / 255
        gt = torch.stack([sample.gt_img for sample in run.probe.batches[0]['data_samples']]) / 255
        assert gt.shape == (2, 3, GT_PATCH_SIZE, GT_PATCH_SIZE)
        value = run.message_hub.get_scalar('train/loss_artifact').data[0][0]
        assert value == pytest.approx(
            expected_loss(lq, gt, GAN_AMPLITUDE, GAN_AMPLITUDE), rel=1e-4)

    def test_artifacts_fade(self, run):
        assert run.model.generator.amplitude.item() < GAN_AMPLITUDE - .02
        results = results_of(run)
        assert results['area_after'] < results['area_before']
        assert results['addition_rate'] == 0
