"""What the hook starts from: generators, EMA, discriminators, and what it refuses."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toy_training import (
    DETECTOR,
    MMAGICS_CONFIGS,
    Probe,
    make_runner,
    model_config,
    results_of,
    training_config,
    write_role,
    write_whole_model,
)
from toys import GAN_AMPLITUDE, ToyGenerator

from mmdesra.datasets.pseudo_gt_folder import PseudoGTError, PseudoGTFolder
from mmdesra.errors import InputError
from mmdesra.files import read_image, write_image
from mmdesra.files.configs import read_config
from mmdesra.generators import CheckpointError, Upscaler

SRRESNET = dict(type='SRResNet', mid_channels=4, num_blocks=1)
EVERYWHERE = dict(type='DeSRA', threshold=1, min_area=0)
"""For generators with random weights: almost each pixel is an artifact."""

MOMENTUM = .5
"""To which that of the config is raised in so few iterations."""
EMA_HOOK = dict(type='ExponentialMovingAverageHook', module_keys='generator_ema', interval=1,
                interp_cfg=dict(momentum=.001))


def assert_starts_with(probe: Probe, state: dict, role: str) -> None:
    names = [name for name in state if name.startswith(f'{role}.')]
    assert names
    for name in names:
        assert torch.equal(probe.start[name], state[name]), name


class TestRealESRGAN:

    @staticmethod
    @pytest.fixture(scope='class')
    def run(data, tmp_path_factory):
        folder = tmp_path_factory.mktemp('real_esrgan')
        model = model_config('RealESRGAN', is_use_sharpened_gt_in_pixel=True)
        run = SimpleNamespace(probe=Probe())
        run.state = write_whole_model(folder / 'whole.pth', model)
        config = training_config(model, iterations=4, val_interval=2, hooks=[EMA_HOOK])
        checkpoint = write_role(folder / 'discriminator.pth', run.state, 'discriminator')
        run.runner = make_runner(folder / 'run', data, config, run.probe,
                                 discriminator_checkpoint=checkpoint)
        run.runner.train()
        return run

    def test_ema_starts_as_the_loaded_generator(self, run):
        for name in ('generator.amplitude', 'generator_ema.amplitude'):
            assert run.probe.start[name].item() == pytest.approx(GAN_AMPLITUDE)

    def test_given_discriminator_is_loaded_and_trains(self, run):
        assert_starts_with(run.probe, run.state, 'discriminator')
        assert run.runner.model.gan_loss is not None
        assert not torch.equal(run.runner.model.discriminator.conv_0.weight.detach(),
                               run.state['discriminator.conv_0.weight'])

    def test_ema_follows_the_generator(self, run):
        ema = GAN_AMPLITUDE
        for state in run.probe.states:
            ema += MOMENTUM * (state['generator.amplitude'].item() - ema)
        assert run.runner.model.generator_ema.amplitude.item() == pytest.approx(ema, abs=1e-6)

    def test_what_is_measured_is_the_ema(self, run, data):
        """MMagic validates and infers with it, so it is what a user gets."""
        generator = run.runner.model.generator
        ema = run.runner.model.generator_ema
        assert generator.amplitude.item() < ema.amplitude.item() - .02
        folder = Path(run.runner.work_dir) / 'heldout/gan_after'
        for path in sorted(folder.glob('*.png')):
            expected = Upscaler(ema)(read_image(data.heldout / path.name))
            assert (read_image(path) == expected).all()
        scalars = run.runner.message_hub.log_scalars
        assert (scalars['val/DeSRA/regions'].current()
                == results_of(run.runner)['regions_after'] > 0)


@pytest.mark.parametrize('inherited', [True, False], ids=['inherited', 'hook alone'])
def test_load_from_a_whole_model_fills_all_of_it(data, tmp_path, inherited):
    model = model_config(generator=SRRESNET)
    state = write_whole_model(tmp_path / 'gan.pth', model)
    write_whole_model(tmp_path / 'mse.pth', model, seed=1)
    config, probe = training_config(model, iterations=1), Probe()
    if inherited:
        config.load_from = str(tmp_path / 'gan.pth')
    runner = make_runner(tmp_path / 'run', data, config, probe, gan_checkpoint=None,
                         mse_checkpoint=str(tmp_path / 'mse.pth'), detector=EVERYWHERE)
    if not inherited:  # as in a config that names the hook and runs under MMagic's own tool
        runner._load_from = runner.cfg.load_from = str(tmp_path / 'gan.pth')
    runner.train()
    assert_starts_with(probe, state, 'generator')
    assert_starts_with(probe, state, 'discriminator')
    assert runner.model.gan_loss is not None
    assert results_of(runner)['images'] == 4


def test_load_from_an_official_checkpoint_fills_the_generator(data, tmp_path):
    """mmengine alone loads nothing from it, and says nothing."""
    probe = Probe()
    runner = make_runner(tmp_path / 'run', data, training_config(model_config(), iterations=1),
                         probe, gan_checkpoint=None)
    runner._load_from = runner.cfg.load_from = str(data.gan)
    runner.train()
    assert probe.start['generator.amplitude'].item() == pytest.approx(GAN_AMPLITUDE)


def test_model_without_discriminator_trains_without_a_warning(data, tmp_path, caplog):
    config = training_config(model_config(discriminator=None, gan_loss=None), iterations=1)
    config.optim_wrapper.pop('discriminator')
    runner = make_runner(tmp_path / 'run', data, config)
    runner.logger.addHandler(caplog.handler)
    runner.train()
    assert 'discriminator' not in caplog.text
    assert results_of(runner)['area_after'] < results_of(runner)['area_before']


def test_mse_generator_of_another_architecture(data, tmp_path):
    """The EMA model has no part in it: the checkpoint goes into what mse_generator says."""
    model = model_config(generator=SRRESNET)
    state = write_whole_model(tmp_path / 'whole.pth', model)
    probe = Probe()
    runner = make_runner(tmp_path / 'run', data, training_config(model, iterations=1), probe,
                         gan_checkpoint=write_role(tmp_path / 'gan.pth', state, 'generator'),
                         mse_generator='ToyGenerator', detector=EVERYWHERE)
    runner.train()
    lq = read_image(data.heldout / 'image0.png')
    expected = Upscaler(ToyGenerator())(lq)
    assert (read_image(Path(runner.work_dir) / 'heldout/mse/image0.png') == expected).all()


@pytest.mark.parametrize('with_discriminator', [False, True])
@pytest.mark.parametrize('name', MMAGICS_CONFIGS)
def test_configs_of_mmagic_train(data, tmp_path, name, with_discriminator):
    """Smaller networks, patches and numbers; losses, hooks, loops and optimizers are theirs."""
    config = read_config(name)
    config.model.generator = dict(type='ToyGenerator')
    config.model.perceptual_loss = None  # its VGG19 is fetched from the net
    config.model.pixel_loss.loss_weight = 1.
    config.model.discriminator = dict(type='UNetDiscriminatorWithSpectralNorm', in_channels=3,
                                      mid_channels=4)
    config.train_dataloader.update(batch_size=2, num_workers=0)
    config.train_cfg.update(max_iters=2, val_interval=1)
    config.optim_wrapper.generator.optimizer.lr = .03
    options = {}
    if with_discriminator:
        state = write_whole_model(tmp_path / 'whole.pth', config.model)
        options = dict(discriminator_checkpoint=write_role(tmp_path / 'discriminator.pth', state,
                                                           'discriminator'))
    probe = Probe()
    runner = make_runner(tmp_path / 'run', data, config, probe, **options)
    runner.train()
    assert len(probe.batches) == 2
    assert runner.model.generator.amplitude.item() < GAN_AMPLITUDE - .02
    assert (runner.model.gan_loss is not None) == with_discriminator
    assert results_of(runner)['images'] == 4
    assert len(runner.message_hub.get_scalar('val/DeSRA/regions').data[0]) == 2


ITERATIONS = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
EPOCHS = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)


@pytest.mark.parametrize('loop, sampler, workers', [
    (ITERATIONS, 'InfiniteSampler', 1), (EPOCHS, 'DefaultSampler', 0)],
    ids=['workers that read the old data', 'epochs'])
def test_data_are_swapped_in_every_loop(data, tmp_path, loop, sampler, workers):
    config = training_config(model_config())
    config.train_cfg = loop
    config.train_dataloader.num_workers = workers
    config.train_dataloader.sampler.type = sampler
    probe = Probe()
    runner = make_runner(tmp_path / 'run', data, config, probe)
    runner.train()
    # Left to the garbage collector, a worker takes 5 s to end.
    vars(runner.train_loop).pop('dataloader_iterator', None)
    assert len(probe.batches) == 2  # three pairs, batches of two
    assert all('pseudo_gt' in sample.gt_path for sample in probe.samples)


@pytest.mark.parametrize('option', ['gan_checkpoint', 'mse_checkpoint',
                                    'discriminator_checkpoint'])
def test_checkpoint_that_does_not_fit_stops_before_any_work(data, tmp_path, option):
    wrong = tmp_path / 'other_model.pth'
    torch.save(dict(params=torch.nn.Conv2d(3, 3, 3).state_dict()), wrong)
    probe = Probe()
    runner = make_runner(tmp_path / 'run', data, probe=probe, **{option: str(wrong)})
    with pytest.raises(CheckpointError, match='other_model.pth .*missing'):
        runner.train()
    assert not probe.batches
    assert not (tmp_path / 'run/pseudo_gt').exists()
    assert not (tmp_path / 'run/heldout').exists()


def test_generator_without_weights_is_refused(data, tmp_path):
    runner = make_runner(tmp_path / 'run', data, gan_checkpoint=None)
    with pytest.raises(InputError, match='gan_checkpoint, or load_from'):
        runner.train()


def test_weights_for_a_discriminator_that_is_not_there_are_refused(data, tmp_path):
    config = training_config(model_config(discriminator=None, gan_loss=None))
    config.optim_wrapper.pop('discriminator')
    runner = make_runner(tmp_path / 'run', data, config,
                         discriminator_checkpoint=str(data.gan))
    with pytest.raises(InputError, match='model has no discriminator'):
        runner.train()


def test_images_without_artifacts_are_nothing_to_train_on(data, tmp_path):
    runner = make_runner(tmp_path / 'run', data, detector=dict(DETECTOR, min_area=10**6))
    with pytest.raises(PseudoGTError, match='no artifact was found in 4 images'):
        runner.train()


def test_broken_lr_image_is_skipped_and_noted(data, tmp_path):
    lq = tmp_path / 'lq'
    lq.mkdir()
    for path in data.lq.iterdir():
        (lq / path.name).write_bytes(path.read_bytes())
    (lq / 'image9.png').write_text('no image')
    probe = Probe()
    make_runner(tmp_path / 'run', data, training_config(model_config(), iterations=2), probe,
                lq_dir=str(lq)).train()
    manifest = PseudoGTFolder(tmp_path / 'run/pseudo_gt').read_manifest()
    assert list(manifest.skipped) == ['image9.png']
    assert len(probe.batches) == 2


def test_broken_heldout_image_is_skipped(data, tmp_path):
    heldout = tmp_path / 'heldout'
    heldout.mkdir()
    for path in data.heldout.iterdir():
        (heldout / path.name).write_bytes(path.read_bytes())
    (heldout / 'image9.png').write_text('no image')
    config = training_config(model_config(), iterations=2, val_interval=1)
    runner = make_runner(tmp_path / 'run', data, config, heldout_lq_dir=str(heldout))
    runner.train()
    assert results_of(runner)['images'] == 4


def test_label_maps_are_used_before_and_after(data, tmp_path):
    """An image without one cannot be judged; the others are."""
    for name in ('image0', 'image2'):
        (tmp_path / 'labels').mkdir(exist_ok=True)
        write_image(tmp_path / f'labels/{name}.png', np.zeros((160, 192), np.uint8))
    config = training_config(model_config(), iterations=2, val_interval=1)
    runner = make_runner(tmp_path / 'run', data, config, labels_dir=str(tmp_path / 'labels'))
    runner.train()
    manifest = PseudoGTFolder(tmp_path / 'run/pseudo_gt').read_manifest()
    assert list(manifest.skipped) == ['image1.png', 'image3.png']
    assert list(results_of(runner)['per_image']) == ['image0.png', 'image2.png']
    scalars = runner.message_hub.log_scalars  # of MMagic's validation
    assert scalars['val/DeSRA/regions'].current() == results_of(runner)['regions_after']
