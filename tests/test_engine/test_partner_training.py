"""A partner whose length its held-out loss chooses: stopped, resumed, refused, described."""
from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from torch import nn
from toy_training import model_config, training_config
from toys import GAN_AMPLITUDE, ToyGenerator, make_lq_image, write_checkpoints

import mmdesra  # noqa: F401  (spandrel needs its mend of torchvision)
from mmdesra.datasets.partner_pipeline import patch_pipeline
from mmdesra.engine import partner_watch
from mmdesra.engine.partner_training import make_mse_partner
from mmdesra.errors import InputError
from mmdesra.generators import as_reference, load_generator, load_upscaler, read_checkpoint
from mmdesra.generators.origin import origin_of

NAMES = count()
QUICK = dict(check_interval=2, least_iters=4, patience=2, patch_size=32, heldout_share=.3)


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photographs')
    for seed in range(4):
        Image.fromarray(make_lq_image(seed, (60, 70))).save(folder / f'{seed}.png')
    return folder


@pytest.fixture(scope='module')
def gan(tmp_path_factory):
    return write_checkpoints(tmp_path_factory.mktemp('weights'))[0]


@pytest.fixture(autouse=True)
def few_patches(monkeypatch):
    monkeypatch.setattr(partner_watch, 'PATCHES', 4)
    monkeypatch.setattr(partner_watch, 'DRAWN_EVERY', 1e9)


def config_in(work_dir, model_type='SRGAN', resume=False, lr=.03, hooks=(), **model):
    config = training_config(model_config(model_type, **model), lr=lr, hooks=hooks)
    config.work_dir = str(work_dir)
    config.resume = resume
    # mmengine keeps one log for each name in a process.
    config.experiment_name = f'partner-{next(NAMES)}'
    return config


EMA = dict(type='ExponentialMovingAverageHook', module_keys=('generator_ema',), interval=1,
           interp_cfg=dict(momentum=.001))


def amplitude(path):
    return abs(torch.load(path, weights_only=True)['params_ema']['amplitude'].item())


def test_it_ends_when_the_loss_falls_no_more_and_says_how_it_was_made(gan, photographs, tmp_path):
    seen = []
    out = tmp_path / 'made/partner.pth'
    result = make_mse_partner(config_in(tmp_path / 'run'), gan, out, photographs, max_iters=60,
                              report=seen.append, **QUICK)
    assert result.path == out and result.done < 60 and 4 <= result.iteration <= result.done
    assert result.after < result.before and amplitude(out) < GAN_AMPLITUDE / 4
    assert (result.photographs, result.heldout, result.skipped) == (
        result.photographs, 4 - result.photographs, ())
    # From an estimate on, that was measured, to the end.
    assert [one.iteration for one in seen] == list(range(result.done + 1))
    assert seen[0].seconds_left > 0 < seen[0].seconds_per_iteration
    assert seen[0].seconds_left == pytest.approx(60 * seen[0].seconds_per_iteration, rel=10)
    assert seen[-1].losses[0].loss == result.before
    [of_result] = [one for one in seen[-1].losses if one.iteration == result.iteration]
    # A part of the way may be better, and is taken then.
    assert result.after < of_result.loss if result.strength < 1 else result.after == of_result.loss

    rows = (tmp_path / 'run/heldout_loss.csv').read_text().split()
    assert rows[0] == 'iteration,loss' and float(rows[1].split(',')[1]) == result.before
    assert len(rows) - 1 == len(seen[-1].losses) == result.done // 2 + 1
    Image.open(tmp_path / 'run/heldout_loss.png').verify()
    assert [path.name for path in (tmp_path / 'run').glob('best_partner_*')] == [
        f'best_partner_{result.iteration}.pth']

    note = torch.load(out, weights_only=True)['meta']['mse_partner']
    assert note['iterations'] == result.iteration
    assert (note['heldout_loss_before'], note['heldout_loss_after']) == (result.before,
                                                                         result.after)
    assert (note['degradation'], note['patch_size'], note['batch_size']) == ('bicubic', 32, 2)
    upscaler = load_upscaler('ToyGenerator', out)
    described = as_reference(upscaler).describe()
    assert described['partner'] == note and described['mse_sha256']
    assert 'partner' not in as_reference(load_upscaler('ToyGenerator', gan)).describe()


@pytest.mark.parametrize('model_type, hooks', [('SRGAN', ()), ('RealESRGAN', (EMA,))])
def test_stopped_anywhere_and_resumed_it_is_the_same_file(model_type, hooks, gan, photographs,
                                                          tmp_path):
    options = dict(QUICK, patience=3, max_iters=9)

    def make(name, resume=False, **more):
        return make_mse_partner(
            config_in(tmp_path / name, model_type, resume, lr=.01, hooks=hooks), gan,
            tmp_path / f'{name}.pth', photographs, **options, **more)

    class StopError(Exception):
        pass

    make('whole')
    for stop in (3, 6):
        def report(progress, stop=stop):
            if progress.iteration == stop:
                raise StopError

        with pytest.raises(StopError):
            make('stopped', resume=stop > 3, report=report)
        assert not (tmp_path / 'stopped.pth').exists()
    make('stopped', resume=True)
    whole, stopped = (tmp_path / f'{name}.pth' for name in ('whole', 'stopped'))
    assert whole.read_bytes() == stopped.read_bytes()
    assert (tmp_path / 'whole/heldout_loss.csv').read_text() == (
        tmp_path / 'stopped/heldout_loss.csv').read_text()
    again = make('stopped', resume=True, overwrite=True)  # it was at its end
    assert again.done == 9 and whole.read_bytes() == stopped.read_bytes()

    with pytest.raises(InputError, match=r'other settings or photo.*seed: there 0, now 1'):
        make('stopped', resume=True, overwrite=True, seed=1)
    (tmp_path / 'stopped/heldout_loss.csv').write_text('iteration,loss\n')
    with pytest.raises(InputError, match=r'heldout_loss.csv: cannot be gone on with.*anew'):
        make('stopped', resume=True, overwrite=True)


def test_never_better_than_the_start_is_no_partner(photographs, tmp_path):
    """The toy is best at 0, where it is; each step leads away."""
    torch.save(dict(params=ToyGenerator(0).state_dict()), tmp_path / 'mse.pth')
    out = tmp_path / 'partner.pth'
    result = make_mse_partner(config_in(tmp_path / 'run', lr=.3), tmp_path / 'mse.pth', out,
                              photographs, max_iters=8, **QUICK)
    assert result.path is None and not out.exists()
    assert result.after >= result.before * .999 and result.done
    assert not list((tmp_path / 'run').glob('best_partner_*'))
    out.write_bytes(b'mine')
    make_mse_partner(config_in(tmp_path / 'run', lr=.3), tmp_path / 'mse.pth', out, photographs,
                     max_iters=4, overwrite=True, **QUICK)
    assert out.read_bytes() == b'mine'


def test_nothing_held_out_is_a_fixed_length(gan, photographs, tmp_path):
    out = tmp_path / 'partner.pth'
    result = make_mse_partner(config_in(tmp_path / 'run'), gan, out, photographs / '0.png',
                              max_iters=5, **dict(QUICK, heldout_share=0))
    assert (result.done, result.iteration, result.before) == (5, 5, None)
    assert (result.photographs, result.heldout) == (1, 0)
    assert not (tmp_path / 'run/heldout_loss.csv').exists()
    assert amplitude(out) < GAN_AMPLITUDE


def test_a_config_in_memory_without_hooks_of_its_own_can_be_resumed(gan, photographs, tmp_path):
    configs = [config_in(tmp_path / 'run', resume=resume) for resume in (False, True)]
    for config, iterations in zip(configs, (4, 6)):
        config.pop('default_hooks')
        config.model.train_cfg = dict(disc_init_steps=100)
        if not config.resume:
            config.pop('resume')
        result = make_mse_partner(config, gan, tmp_path / 'p.pth', photographs, overwrite=True,
                                  max_iters=iterations, **QUICK)
        assert result.done == iterations and result.after < result.before
    config = configs[0]
    config.pop('work_dir')
    with pytest.raises(InputError, match='where the run writes'):
        make_mse_partner(config, gan, tmp_path / 'q.pth', photographs)


def test_too_little_memory_names_what_helps(gan, photographs, tmp_path, monkeypatch):
    from mmagic.models.editors.srgan import SRGAN

    def train_step(*_, **__):
        raise RuntimeError('[enforce fail] DefaultCPUAllocator: not enough memory: you tried')

    monkeypatch.setattr(SRGAN, 'train_step', train_step)
    with pytest.raises(InputError, match=r'patches of 32 px in batches of 2; .*--patch-size.*'
                       r'--batch-size.*--amp.*not enough memory') as error:
        make_mse_partner(config_in(tmp_path / 'run'), gan, tmp_path / 'p.pth', photographs,
                         max_iters=4, **QUICK)
    assert '\n' not in str(error.value)


def test_a_training_that_diverges_is_said(gan, photographs, tmp_path, monkeypatch):
    losses = iter([.1, float('nan')])
    monkeypatch.setattr(partner_watch, 'loss_on', lambda *_: next(losses))
    with pytest.raises(InputError, match='after 2 iterations .* is nan: .*diverged; lower the le'):
        make_mse_partner(config_in(tmp_path / 'run'), gan, tmp_path / 'p.pth', photographs,
                         max_iters=8, **QUICK)
    assert not (tmp_path / 'p.pth').exists()


@pytest.mark.parametrize('options, message', [
    (dict(patience=0), 'patience .--patience. of at least 1, got 0'),
    (dict(check_interval=0), 'check_interval .--check-interval. of at least 1, got 0'),
    (dict(least_iters=-1), 'least_iters .* of at least 0, got -1'),
    (dict(max_iters=0), 'at least 1 iteration'), (dict(heldout_share=-.1), 'got -0.1')])
def test_numbers_out_of_range(options, message, gan, photographs, tmp_path):
    with pytest.raises(InputError, match=message):
        make_mse_partner(config_in(tmp_path / 'run'), gan, tmp_path / 'p.pth', photographs,
                         **{**QUICK, **options})
    assert not (tmp_path / 'run').exists()


def make_short(gan, photographs, folder, name, pipeline=None, **options):
    config = config_in(folder / name)
    if pipeline:
        config.train_dataloader.dataset.pipeline = pipeline
    out = folder / f'{name}.pth'
    result = make_mse_partner(config, gan, out, photographs, max_iters=12,
                              **{**QUICK, 'patience': 9}, **options)
    return result, torch.load(out, weights_only=True)


def test_a_partner_goes_as_far_as_the_held_out_loss_asks_for(gan, photographs, tmp_path):
    whole, far = make_short(gan, photographs, tmp_path, 'whole')
    half, near = make_short(gan, photographs, tmp_path, 'half', loss_gain_kept=.6)
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


def test_how_far_it_goes_and_how_it_is_asked_follow_from_the_degradation(gan, photographs,
                                                                         tmp_path):
    for degradation, share, passes in (('bicubic', 1., 1), ('realesrgan', .9, 4)):
        result, made = make_short(gan, photographs, tmp_path, degradation,
                                  degradation=degradation)
        note = made['meta']['mse_partner']
        assert (note['loss_gain_kept'], note['passes']) == (share, passes)
        assert result.passes == passes
        asked = as_reference(load_upscaler('ToyGenerator', tmp_path / f'{degradation}.pth'))
        assert asked.passes == passes


def test_a_run_at_its_end_is_resumed_with_other_passes(gan, photographs, tmp_path):
    options = dict(QUICK, max_iters=4)
    made = [make_mse_partner(config_in(tmp_path / 'run', resume=passes is not None), gan,
                             tmp_path / f'{passes}.pth', photographs, passes=passes, **options)
            for passes in (None, 8)]
    assert [one.passes for one in made] == [1, 8]
    weights = [torch.load(one.path, weights_only=True)['params_ema']['amplitude'] for one in made]
    assert torch.equal(*weights)


def test_a_config_that_makes_lr_images_itself_keeps_as_much_as_of_degradations(
        gan, photographs, tmp_path):
    own = patch_pipeline([], 4, 32, 'bicubic').steps
    _, made = make_short(gan, photographs, tmp_path, 'own', pipeline=own)
    note = made['meta']['mse_partner']
    assert (note['degradation'], note['loss_gain_kept'], note['passes']) == ('own', .9, 4)


@pytest.mark.parametrize('share', [0, -.1, 1.01, float('nan')])
def test_a_share_that_is_none_is_refused_before_anything_is_written(share, gan, photographs,
                                                                    tmp_path):
    with pytest.raises(InputError, match='--loss-gain-kept. above 0, up to 1, got'):
        make_short(gan, photographs, tmp_path, 'run', loss_gain_kept=share)
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('passes', [0, 9, 2.])
def test_a_number_of_passes_that_is_none_is_refused(passes, gan, photographs, tmp_path):
    with pytest.raises(InputError, match=f'from 1 to 8 passes .--passes., got {passes}'):
        make_short(gan, photographs, tmp_path, 'run', passes=passes)
    assert not (tmp_path / 'run').exists()


def test_a_network_that_spandrel_knows(photographs, tmp_path):
    pytest.importorskip('spandrel')
    from spandrel.architectures.Compact import Compact
    torch.manual_seed(0)
    network = Compact(num_in_ch=3, num_out_ch=3, num_feat=4, num_conv=1, upscale=4)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=.1)
    torch.save(dict(params=network.state_dict()), tmp_path / 'gan.pth')
    config = config_in(tmp_path / 'run', 'RealESRGAN', lr=1e-3, hooks=[EMA],
                       generator=dict(type='SpandrelGenerator'))
    result = make_mse_partner(config, tmp_path / 'gan.pth', tmp_path / 'partner.pth', photographs,
                              max_iters=6, degradation='realesrgan', **QUICK)
    assert result.after < result.before
    made = load_generator('spandrel', tmp_path / 'partner.pth')
    assert origin_of(made)['degradation'] == 'realesrgan'
    start, state = (read_checkpoint(tmp_path / f'{name}.pth') for name in ('gan', 'partner'))
    assert list(state['params_ema']) == list(start['params'])
    assert any(not torch.equal(value, start['params'][name])
               for name, value in state['params_ema'].items())


def test_a_note_that_is_not_plain_is_left_out():
    from mmdesra.generators.origin import partner_note
    note = dict(iterations=3, tensor=torch.ones(1), nested=dict(a=1))
    assert partner_note(dict(meta=dict(mse_partner=note))) == dict(iterations=3)
    for content in ({}, dict(meta=None), dict(meta=dict(mse_partner=[1]))):
        assert partner_note(content) is None


def test_the_ema_follows_whatever_the_length(caplog):
    from mmagic.engine.hooks import ExponentialMovingAverageHook

    from mmdesra.engine.ema import following_momentum, let_ema_follow
    hook = ExponentialMovingAverageHook('generator_ema', interp_cfg=dict(momentum=.001),
                                        interval=1)
    old, weights = 1., []
    for done in range(12_000):
        let_ema_follow(SimpleNamespace(hooks=[hook], iter=done))
        momentum = hook.interp_func.keywords['momentum']
        old *= 1 - momentum
        weights.append((done, momentum, old))
    assert all(share < .05 for done, _, share in weights if done >= 9)
    assert weights[0][1] == .5 and weights[-1][1] == .001
    assert following_momentum(91) == pytest.approx(.09)
