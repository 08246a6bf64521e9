"""A partner that is a part of the way from the GAN's weights to those that were trained."""
from __future__ import annotations

from itertools import count

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from toy_training import model_config, training_config
from toys import make_lq_image, write_checkpoints

from mmdesra.datasets.partner_pipeline import patch_pipeline
from mmdesra.engine import partner_watch
from mmdesra.engine.partner_strength import STRENGTHS, choose_strength
from mmdesra.engine.partner_training import make_mse_partner
from mmdesra.errors import InputError

NAMES = count()


@pytest.mark.parametrize('gain_kept, chosen', [(1., .8), (.9, .6), (.5, .5), (.1, .5)])
def test_the_smallest_strength_that_keeps_enough_of_the_gain(gain_kept, chosen):
    losses = {1.: .62, .9: .61, .8: .60, .7: .61, .6: .63, .5: .70}
    assert choose_strength(losses, 1., gain_kept) == chosen


@given(st.dictionaries(st.sampled_from((1., *STRENGTHS)), st.floats(.1, .99), min_size=1),
       st.floats(.01, 1))
def test_what_is_chosen_keeps_it_and_nothing_smaller_does(losses, gain_kept):
    start = 1.
    chosen = choose_strength(losses, start, gain_kept)
    wanted = gain_kept * (start - min(losses.values()))
    assert start - losses[chosen] >= wanted
    assert all(start - loss < wanted for strength, loss in losses.items() if strength < chosen)


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photographs')
    for seed in range(4):
        Image.fromarray(make_lq_image(seed, (60, 70))).save(folder / f'{seed}.png')
    return folder


@pytest.fixture(scope='module')
def gan(tmp_path_factory):
    return write_checkpoints(tmp_path_factory.mktemp('weights'))[0]


def make(gan, photographs, folder, name, pipeline=None, **options):
    config = training_config(model_config('SRGAN'), lr=.03)
    if pipeline:
        config.train_dataloader.dataset.pipeline = pipeline
    config.work_dir = str(folder / name)
    config.experiment_name = f'strength-{next(NAMES)}'  # mmengine keeps one log for each name
    out = folder / f'{name}.pth'
    result = make_mse_partner(config, gan, out, photographs, max_iters=12, check_interval=3,
                              least_iters=3, patience=9, patch_size=32, heldout_share=.3,
                              **options)
    return result, torch.load(out, weights_only=True)


def test_a_partner_goes_as_far_as_the_held_out_loss_asks_for(gan, photographs, tmp_path,
                                                             monkeypatch):
    monkeypatch.setattr(partner_watch, 'PATCHES', 4)
    whole, far = make(gan, photographs, tmp_path, 'whole')
    half, near = make(gan, photographs, tmp_path, 'half', loss_gain_kept=.6)
    assert (half.iteration, half.before) == (whole.iteration, whole.before)
    # By definition: on the line between the two, and as near to the start as is allowed.
    start = torch.load(gan, weights_only=True)['params']['amplitude']
    goal = far['params_ema']['amplitude']
    trained = start + (goal - start) / whole.strength
    assert near['params_ema']['amplitude'].item() == pytest.approx(
        (start + half.strength * (trained - start)).item(), rel=1e-6)
    assert half.strength < whole.strength
    assert whole.after <= half.after <= whole.before - .6 * (whole.before - whole.after)
    note = near['meta']['mse_partner']
    assert (note['strength'], note['loss_gain_kept'], note['heldout_loss_after']) == (
        half.strength, .6, half.after)


def test_how_much_is_kept_follows_from_the_degradation(gan, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(partner_watch, 'PATCHES', 4)
    for degradation, share in (('bicubic', 1.), ('realesrgan', .9)):
        _, made = make(gan, photographs, tmp_path, degradation, degradation=degradation)
        assert made['meta']['mse_partner']['loss_gain_kept'] == share


def test_a_config_that_makes_lr_images_itself_keeps_as_much_as_of_degradations(
        gan, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(partner_watch, 'PATCHES', 4)
    own = patch_pipeline([], 4, 32, 'bicubic').steps
    _, made = make(gan, photographs, tmp_path, 'own', pipeline=own)
    note = made['meta']['mse_partner']
    assert (note['degradation'], note['loss_gain_kept']) == ('own', .9)


@pytest.mark.parametrize('share', [0, -.1, 1.01, float('nan')])
def test_a_share_that_is_none_is_refused_before_anything_is_written(share, gan, photographs,
                                                                    tmp_path):
    with pytest.raises(InputError, match='--loss-gain-kept. above 0, up to 1, got'):
        make(gan, photographs, tmp_path, 'run', loss_gain_kept=share)
    assert not (tmp_path / 'run').exists()
