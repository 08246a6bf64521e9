"""Fine-tuning generators that take some sizes only, on photographs of all sizes."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import random_weights
from toy_training import Probe, make_data, make_runner, model_config, results_of, training_config
from toys import make_lq_folder, make_lq_image

from mmdesra.engine.inherit import inherit_desra
from mmdesra.errors import InputError
from mmdesra.files import read_image, write_image
from mmdesra.generators import GeneratorError

pytest.importorskip('mmagic')
EVERYWHERE = dict(type='DeSRA', threshold=1, min_area=0)
"""For generators with random weights: almost each pixel is an artifact."""
EMA_HOOK = dict(type='ExponentialMovingAverageHook', module_keys='generator_ema', interval=1,
                interp_cfg=dict(momentum=.25))


def rrdbnet(scale):
    return dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=4, num_blocks=1,
                growth_channels=4, upscale_factor=scale)


def write_weights(path, generator, seed):
    from mmagic.registry import MODELS
    network = random_weights(MODELS.build(dict(generator, _scope_='mmagic')), .15, seed)
    torch.save(dict(params=network.state_dict()), path)
    return str(path)


@pytest.fixture
def data(tmp_path):
    """Photographs of odd sizes; one is smaller than a patch."""
    data = make_data(tmp_path / 'data')
    for folder, seed in ((data.lq, 3), (data.heldout, 4)):
        make_lq_folder(folder, 4, (41, 53), seed=seed)
    write_image(data.lq / 'small.png', make_lq_image(0, (15, 41)))
    return data


def runner_of(tmp_path, data, generator, model='RealESRGAN', **options):
    gan, mse = (write_weights(tmp_path / f'{seed}.pth', generator, seed) for seed in range(2))
    more = dict(is_use_ema=True) if model == 'RealESRGAN' else {}
    config = training_config(model_config(model, generator=generator, **more), lr=1e-3,
                             iterations=3, val_interval=1,
                             hooks=[EMA_HOOK] if more else [])
    probe = Probe()
    runner = make_runner(tmp_path / 'run', data, config, probe, **{
        **dict(gan_checkpoint=gan, mse_checkpoint=mse, detector=EVERYWHERE), **options})
    return runner, probe


def corner(patch, images):
    """Where a patch was cut."""
    for image in images:
        windows = np.lib.stride_tricks.sliding_window_view(image, patch.shape)[:, :, 0]
        found = np.argwhere((windows == patch).all(axis=(2, 3, 4)))
        if len(found):
            return found[0]
    raise AssertionError('a patch of no photograph')


@pytest.mark.parametrize('scale, patch, grid, model', [
    (2, 32, 2, 'RealESRGAN'), (1, 16, 4, 'SRGAN')])
def test_it_trains_validates_and_measures(data, tmp_path, caplog, scale, patch, grid, model):
    runner, probe = runner_of(tmp_path, data, rrdbnet(scale), model, gt_patch_size=patch, tile=9)
    runner.train()
    assert results_of(runner)['images'] == 4
    before = read_image(tmp_path / 'run/heldout/gan_before/image0.png')
    assert before.shape == (41 * scale, 53 * scale, 3)
    assert read_image(tmp_path / 'run/pseudo_gt/gt/image0.png').shape == before.shape
    assert 'small.png: expected at least one patch' in caplog.text
    patches = [inputs for batch in probe.batches for inputs in batch['inputs']]
    assert {tuple(inputs.shape) for inputs in patches} == {(3, 16, 16)}
    images = [read_image(path) for path in sorted(data.lq.glob('image*.png'))]
    for inputs in patches:
        assert not (corner(inputs.permute(1, 2, 0).numpy(), images) % grid).any()
    state, start = probe.states[-1], probe.start
    assert state.keys() == start.keys()
    assert any(not torch.equal(state[name], start[name]) for name in state)


@pytest.mark.parametrize('scale, patch, message', [
    (2, 30, r'a multiple of 4 \(the generator enlarges by 2 .* of 2 px, .*, got 30; 28 will do'),
    (1, 18, r'a multiple of 4 .* got 18; 16 will do'),
    (1, 2, r'a multiple of 4 .* from 4 px on\), got 2; 4 will do'),
    (4, 30, r'a multiple of 4 .* got 30; 28 will do')])
def test_patches_that_do_not_fit_are_refused_before_any_work(data, tmp_path, scale, patch,
                                                              message):
    runner, _ = runner_of(tmp_path, data, rrdbnet(scale), gt_patch_size=patch)
    with pytest.raises(InputError, match=f'gt_patch_size to be {message}'):
        runner.train()
    assert not (tmp_path / 'run/pseudo_gt').exists()


def test_photographs_that_are_all_smaller_than_a_patch(data, tmp_path):
    runner, _ = runner_of(tmp_path, data, rrdbnet(2), gt_patch_size=128)
    with pytest.raises(InputError, match='all . photographs .* smaller than a patch of 64x64 px'):
        runner.train()


def test_siblings_that_enlarge_by_different_factors(data, tmp_path):
    other = write_weights(tmp_path / 'other.pth', rrdbnet(4), 0)
    runner, _ = runner_of(tmp_path, data, rrdbnet(2), gt_patch_size=32, mse_checkpoint=other,
                          mse_generator=rrdbnet(4))
    with pytest.raises(GeneratorError, match='GAN-trained one with x2 and the MSE-trained one w'):
        runner.train()


def test_a_network_that_needs_more_is_refused_before_it_is_built(data):
    config = training_config(model_config(generator=dict(type='LIIFEDSRNet')))
    with pytest.raises(GeneratorError, match='^LIIFEDSRNet cannot be used .* the coordinates'):
        inherit_desra(config, lq_dir=str(data.lq), mse_checkpoint='x')
