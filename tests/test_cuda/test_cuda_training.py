"""Fine-tuning on a GPU: the hook in a real small Runner, with and without mixed precision."""
from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_training import (
    DETECTOR,
    Probe,
    make_data,
    make_runner,
    model_config,
    results_of,
    training_config,
)
from toys import GAN_AMPLITUDE, SCALE, ToyGenerator

from mmdesra.datasets.pseudo_gt_folder import PseudoGTFolder
from mmdesra.detectors import build_detector
from mmdesra.engine.amp import use_amp
from mmdesra.files import read_image, read_mask
from mmdesra.generators import Upscaler

pytestmark = pytest.mark.cuda
ITERATIONS = 8
"""A loss scale that begins too high may leave out the first ones; five suffice for the toy."""

EMA_HOOK = dict(type='ExponentialMovingAverageHook', module_keys='generator_ema', interval=1,
                interp_cfg=dict(momentum=.5))


@pytest.fixture(scope='module', autouse=True)
def in_own_scope():
    from mmengine.registry import DefaultScope
    with DefaultScope.overwrite_default_scope('mmengine'):
        yield


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data'))


def discriminator_checkpoint(folder: Path) -> str:
    from mmagic.registry import MODELS
    network = MODELS.build(dict(model_config()['discriminator'], _scope_='mmagic'))
    path = folder / 'discriminator.pth'
    torch.save(dict(params=network.state_dict()), path)
    return str(path)


def fine_tune(data, folder, amp, iterations=ITERATIONS, resume=False):
    config = training_config(model_config('RealESRGAN'), iterations=iterations,
                             hooks=[EMA_HOOK])
    if amp:
        use_amp(config)
    config.resume = resume
    probe = Probe()
    runner = make_runner(folder / 'run', data, config, probe,
                         discriminator_checkpoint=discriminator_checkpoint(folder))
    runner.train()
    runner.probe = probe
    return runner


@pytest.fixture(scope='module', params=[False, True], ids=['float32', 'amp'])
def run(request, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    return fine_tune(data, folder, request.param), folder, request.param


def test_the_model_trains_where_it_is_and_forgets_its_artifacts(run, device):
    runner, _, _ = run
    assert {value.device.type for value in runner.model.parameters()} == {device}
    for generator in (runner.model.generator, runner.model.generator_ema):
        assert abs(generator.amplitude.item()) < GAN_AMPLITUDE / 2
    assert all(torch.isfinite(value).all() for value in runner.probe.states[-1].values()
               if value.is_floating_point())
    assert results_of(runner)['regions_before'] > 0


def test_pseudo_gts_are_those_that_the_cpu_makes(run, data):
    folder = PseudoGTFolder(Path(run[0].work_dir) / 'pseudo_gt')
    gan, mse = Upscaler(ToyGenerator(GAN_AMPLITUDE)), Upscaler(ToyGenerator())
    detector, seen = build_detector(DETECTOR), 0
    for path in sorted(data.lq.iterdir()):
        pair = gan(read_image(path)), mse(read_image(path))
        mask = detector.detect(*pair).mask
        if not mask.any():
            continue
        seen += 1
        np.testing.assert_array_equal(read_mask(folder.mask_path(path.stem)), mask)
        np.testing.assert_array_equal(read_image(folder.gt_path(path.stem)),
                                      np.where(mask[..., None], pair[1], pair[0]))
    assert seen == 3


def test_a_run_goes_on_from_its_checkpoint(run, data):
    """With its loss scale, where there is one."""
    _, folder, amp = run
    more = fine_tune(data, folder, amp, ITERATIONS + 2, resume=True)
    assert more.iter == ITERATIONS + 2 and len(more.probe.states) < ITERATIONS + 2


def test_the_discriminator_says_what_it_says_on_the_cpu(device, full_precision):
    from mmdesra.models.srgan_discriminator import SRGANDiscriminator
    torch.manual_seed(0)
    network = SRGANDiscriminator(mid_channels=8, input_size=32, dense_channels=16)
    patches = torch.rand(4, 3, 32, 32)
    expected = network(patches)
    torch.testing.assert_close(copy.deepcopy(network).to(device)(patches.to(device)).cpu(),
                               expected, rtol=1e-3, atol=1e-4)


def test_the_metric_takes_predictions_where_they_are(device, data):
    from mmengine.evaluator import Evaluator
    figures = []
    for where in ('cpu', device):
        evaluator = Evaluator([dict(type='DeSRADetector', detector=DETECTOR)])
        for path in sorted(data.lq.iterdir()):
            gan, mse = (torch.from_numpy(Upscaler(ToyGenerator(amplitude))(read_image(path)))
                        .permute(2, 0, 1).float().to(where) for amplitude in (GAN_AMPLITUDE, 0))
            mask = torch.zeros(1, *gan.shape[1:], dtype=torch.uint8, device=where)
            mask[..., :10 * SCALE, :] = 1
            evaluator.process(data_samples=[dict(
                output=dict(pred_img=gan), mse_img=mse, gt_mask=mask)], data_batch=None)
        figures.append(evaluator.evaluate(len(list(data.lq.iterdir()))))
    assert figures[1] == pytest.approx(figures[0])
    assert figures[0]['DeSRA/regions'] > 0
