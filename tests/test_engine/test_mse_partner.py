from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner
from PIL import Image
from toy_training import MMAGICS_CONFIGS, OUR_CONFIGS, Probe, model_config, training_config
from toys import GAN_AMPLITUDE, make_lq_image, write_checkpoints

from mmdesra.engine.inherit import HOOK
from mmdesra.engine.mse_partner import inherit_mse_partner
from mmdesra.engine.original_data import set_aside_original_data
from mmdesra.errors import InputError
from mmdesra.files.configs import read_config
from mmdesra.generators import build_generator
from mmdesra.generators.wrappers import generator_of, result_generator_of

REAL_ESRGAN, ESRGAN, SRGAN = MMAGICS_CONFIGS
LDL = next((Path(__file__).parents[2] / 'configs/ldl').glob('*.py'))
NAMES = count()


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    """Smooth images with green regions: an LR image of theirs has them too."""
    folder = tmp_path_factory.mktemp('photographs')
    for seed in range(3):
        Image.fromarray(make_lq_image(seed, (420, 450))).save(folder / f'{seed}.png')
    return folder


@pytest.fixture
def gan(tmp_path):
    return write_checkpoints(tmp_path / 'weights')[0]


def toy_config(gan, photographs, work_dir, iterations=6, model_type='SRGAN', base=None):
    config = base or training_config(model_config(model_type))
    config.work_dir = str(work_dir)
    inherit_mse_partner(config, gan, str(photographs), iterations)
    # mmengine keeps one log for each name in a process.
    config.experiment_name = f'mse-partner-{work_dir.parent.name}-{next(NAMES)}'
    return config


def types_of(steps):
    return [step['type'] for step in steps]


@pytest.mark.parametrize('name', [REAL_ESRGAN, ESRGAN, SRGAN, str(LDL), *OUR_CONFIGS])
def test_pixel_loss_is_left_alone_and_the_rest_stays(name, photographs):
    base = read_config(name)
    config = inherit_mse_partner(read_config(name), 'gan.pth', str(photographs), 700)

    model = config.model
    assert model.pixel_loss == dict(base.model.pixel_loss, loss_weight=1.0)
    losses = {key: value for key, value in model.items() if key.endswith('_loss')}
    assert [key for key, value in losses.items() if value] == ['pixel_loss']
    assert model.discriminator is None
    assert model.generator == base.model.generator
    for key in set(model) - set(losses) - {'discriminator', 'generator'}:
        assert model[key] == base.model[key]

    assert list(config.optim_wrapper) == ['constructor', 'generator']
    assert config.optim_wrapper.generator == base.optim_wrapper.generator
    assert config.param_scheduler is None
    assert config.train_cfg.max_iters == 700
    assert config.train_dataloader.batch_size == base.train_dataloader.batch_size
    assert config.train_dataloader.dataset.data_root == str(photographs)
    assert types_of(config.custom_hooks) == [
        *(hook for hook in types_of(base.get('custom_hooks') or []) if hook != HOOK),
        'StartGeneratorHook']
    assert config.custom_hooks[-1].checkpoint == 'gan.pth'
    assert config.custom_hooks[-1].any_length
    for key in ('val_cfg', 'val_dataloader', 'test_cfg', 'test_dataloader'):
        assert config[key] is None


def test_model_of_ldl_trains_without_its_artifact_loss(photographs):
    config = inherit_mse_partner(read_config(str(LDL)), 'gan.pth', str(photographs))
    if config.model.type == 'LDL':
        assert config.model.artifact_loss is None


def test_own_degradations_are_kept_and_pairs_become_bicubic(photographs):
    own = read_config(REAL_ESRGAN).train_dataloader.dataset.pipeline
    real = inherit_mse_partner(read_config(REAL_ESRGAN), 'gan.pth', str(photographs))
    pipeline = real.train_dataloader.dataset.pipeline
    assert pipeline[0] == dict(type='LoadLRImage', key='gt')  # any format that is listed
    assert types_of(own)[0] == 'LoadImageFromFile' and pipeline[1:] == own[1:]
    assert real.train_dataloader.dataset.degradation == 'own'
    assert 'ann_file' not in real.train_dataloader.dataset

    paired = inherit_mse_partner(read_config(SRGAN), 'gan.pth', str(photographs))
    pipeline = paired.train_dataloader.dataset.pipeline
    assert 'PairedRandomCrop' not in types_of(pipeline)
    crop = next(step for step in pipeline if step['type'] == 'mmagic.Crop')
    wanted = next(step for step in read_config(SRGAN).train_dataloader.dataset.pipeline
                  if step['type'] == 'PairedRandomCrop')
    assert crop.crop_size == (wanted.gt_patch_size, wanted.gt_patch_size)


@pytest.mark.parametrize('name', [REAL_ESRGAN, SRGAN])
def test_samples_are_pairs_of_one_place(name, photographs, tmp_path):
    """An LR image is close to its GT, reduced by the mean of each 4x4 block."""
    from mmagic.registry import DATASETS
    config = read_config(name)
    config.work_dir = str(tmp_path)
    inherit_mse_partner(config, 'gan.pth', str(photographs))
    sample = DATASETS.build(dict(config.train_dataloader.dataset, _scope_='mmagic'))[0]
    lq, gt = sample['inputs'].float(), sample['data_samples'].gt_img.float()
    assert gt.shape == (3, 4 * lq.shape[1], 4 * lq.shape[2])
    assert 'gt_unsharp' in sample['data_samples']
    if name == SRGAN:
        means = torch.nn.functional.avg_pool2d(gt, 4)
        assert (lq - means).abs().mean() < 3


def test_own_data_are_used_if_they_are_there(photographs, tmp_path):
    config = read_config(SRGAN)
    dataset = config.train_dataloader.dataset
    dataset.data_root = str(tmp_path)
    for path in (*dataset.data_prefix.values(), dataset.ann_file):
        with pytest.raises(InputError, match=f'{path}: does not exist.*--gt-dir'):
            inherit_mse_partner(config, 'gan.pth')
        (tmp_path / path).mkdir(parents=True)
    before = config.train_dataloader.to_dict()
    assert inherit_mse_partner(config, 'gan.pth').train_dataloader.to_dict() == before
    set_aside_original_data(config)  # as in configs/desra
    assert inherit_mse_partner(config, 'gan.pth').train_dataloader.to_dict() == before


def test_refuses_what_cannot_be_trained(photographs, tmp_path):
    config = read_config(SRGAN)
    config.pop('train_dataloader')
    with pytest.raises(InputError, match='training config'):
        inherit_mse_partner(config, 'gan.pth', str(photographs))
    for option in (dict(patch_size=64), dict(degradation='bicubic')):
        with pytest.raises(InputError, match='only for photographs'):
            inherit_mse_partner(read_config(SRGAN), 'gan.pth', **option)
    for size in (0, -4, 66):
        with pytest.raises(InputError, match=f'multiple of the scale 4, got {size} '):
            inherit_mse_partner(read_config(SRGAN), 'gan.pth', str(photographs), patch_size=size)
    with pytest.raises(InputError, match='one of the degradations bicubic, realesrgan, got jpeg'):
        inherit_mse_partner(read_config(SRGAN), 'gan.pth', str(photographs), degradation='jpeg')
    with pytest.raises(InputError, match=r'held-out share in \[0, 1\), got 1'):
        inherit_mse_partner(read_config(SRGAN), 'gan.pth', str(photographs), heldout_share=1)
    with pytest.raises(InputError, match='at least 1 iteration'):
        inherit_mse_partner(read_config(SRGAN), 'gan.pth', str(photographs), 0)
    with pytest.raises(InputError, match='holds no image'):
        inherit_mse_partner(read_config(SRGAN), 'gan.pth', str(tmp_path))
    Image.new('RGB', (450, 90)).save(tmp_path / 'low.png')
    with pytest.raises(InputError, match=r'low.png: expected .* at least 128x128 .* got 450x90'):
        Runner.from_cfg(toy_config('gan.pth', tmp_path, tmp_path / 'run')).train()


@pytest.mark.parametrize('model_type', ['SRGAN', 'RealESRGAN'])
def test_training_makes_the_partner(model_type, gan, photographs, tmp_path):
    """From the GAN's amplitude, and its EMA's, to that of the toy without artifacts."""
    base = training_config(model_config(model_type))
    if model_type == 'RealESRGAN':
        base.custom_hooks.append(dict(type='ExponentialMovingAverageHook', interval=1,
                                      module_keys=('generator_ema',),
                                      interp_cfg=dict(momentum=.001)))
    runner = Runner.from_cfg(toy_config(gan, photographs, tmp_path / 'run', base=base))
    probe = Probe()
    runner.register_hook(probe)
    runner.train()

    starts = [value.item() for name, value in probe.start.items() if 'amplitude' in name]
    assert starts == pytest.approx([GAN_AMPLITUDE] * len(starts))
    assert len(starts) == 1 + (model_type == 'RealESRGAN')
    assert abs(generator_of(runner.model).amplitude.item()) < .03
    assert probe.start.keys() == probe.states[-1].keys()

    partner = result_generator_of(runner.model)
    wanted = 'generator_ema.amplitude' if model_type == 'RealESRGAN' else 'generator.amplitude'
    assert torch.equal(partner.amplitude, probe.states[-1][wanted])
    assert abs(partner.amplitude.item()) < GAN_AMPLITUDE / 2  # MMagic's 0.001 leaves all of it


@pytest.mark.parametrize('name', [REAL_ESRGAN, ESRGAN, SRGAN, str(LDL)])
def test_whole_configs_train(name, photographs, tmp_path):
    """As they are, but for a small generator: their models, data, optimisers and hooks."""
    config = read_config(name)
    config.model.generator.update(mid_channels=4, num_blocks=1)
    if 'growth_channels' in config.model.generator:
        config.model.generator.growth_channels = 4
    config.train_dataloader.update(batch_size=1, num_workers=0, persistent_workers=False)
    torch.save(build_generator(config.model.generator.to_dict()).state_dict(), tmp_path / 'g.pth')
    runner = Runner.from_cfg(toy_config(tmp_path / 'g.pth', photographs, tmp_path / 'run', 1,
                                        base=config))
    probe = Probe()
    runner.register_hook(probe)
    runner.train()
    start, end = probe.start, probe.states[-1]
    changed = {name for name in end if not torch.equal(start[name], end[name])}
    assert changed
    assert all(name.startswith('generator') for name in end)
    losses = {name for name in runner.message_hub.log_scalars if 'loss' in name}
    assert losses == {'train/loss_pix'}


def test_resumed_run_keeps_its_weights(gan, photographs, tmp_path):
    Runner.from_cfg(toy_config(gan, photographs, tmp_path / 'run', 3)).train()
    config = toy_config(gan, photographs, tmp_path / 'run', 4)
    config.resume = True
    runner = Runner.from_cfg(config)
    probe = Probe()
    runner.register_hook(probe)
    runner.train()
    assert len(probe.states) == 1
    assert probe.start['generator.amplitude'].item() < GAN_AMPLITUDE - .05
