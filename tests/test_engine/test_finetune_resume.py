"""Stopping and going on: nothing is made twice, and nothing comes out differently."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from toy_training import (
    DETECTOR,
    Probe,
    make_runner,
    model_config,
    results_of,
    training_config,
    write_role,
    write_whole_model,
)
from toys import write_checkpoints

from mmdesra.datasets.pseudo_gt_folder import PseudoGTError
from mmdesra.errors import InputError

EMA_HOOK = dict(type='ExponentialMovingAverageHook', module_keys='generator_ema', interval=1,
                interp_cfg=dict(momentum=.25))


@pytest.fixture(scope='module')
def discriminator(tmp_path_factory):
    folder = tmp_path_factory.mktemp('discriminator')
    state = write_whole_model(folder / 'whole.pth', model_config())
    return write_role(folder / 'discriminator.pth', state, 'discriminator')


@pytest.fixture
def train(data, discriminator):
    """Trains a RealESRGAN with EMA and adversarial loss up to an iteration."""
    def run(work_dir, iterations, resume=False, load_from=None, **options):
        config = training_config(model_config('RealESRGAN'), iterations=iterations,
                                 hooks=[EMA_HOOK])
        config.resume, config.load_from = resume, load_from
        probe = Probe()
        options = dict(dict(discriminator_checkpoint=discriminator), **options)
        runner = make_runner(work_dir, data, config, probe, **options)
        runner.probe = probe
        runner.train()
        return runner

    return run


def files_of(folder: Path) -> dict:
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
            for path in sorted(folder.rglob('*')) if path.is_file()}


def contents_of(folder: Path) -> dict:
    return {name: content for name, (_, content) in files_of(folder).items()}


def before_of(work_dir: Path) -> dict:
    return {name: file for name, file in files_of(work_dir / 'heldout').items()
            if name.startswith(('mse/', 'gan_before/', 'mask_before/', 'before.json'))}


def without_seconds(runner) -> dict:
    return {name: value for name, value in results_of(runner).items() if name != 'seconds'}


def assert_same_state(state: dict, other: dict) -> None:
    assert state.keys() == other.keys()
    for name, value in state.items():
        assert torch.equal(value, other[name]), name


def test_resumed_run_ends_as_an_undisturbed_one(train, tmp_path, capsys):
    whole = train(tmp_path / 'whole', 4)
    first = results_of(train(tmp_path / 'halves', 2))['seconds']
    pseudo_gts = files_of(tmp_path / 'halves/pseudo_gt')
    before = before_of(tmp_path / 'halves')
    assert len(before) == 1 + 3 * 4

    resumed = train(tmp_path / 'halves', 4, resume=True)
    assert 'metainfo' not in capsys.readouterr().out  # mmengine's doubts about the data
    assert resumed.iter == 4
    assert_same_state(resumed.probe.start, whole.probe.states[1])
    assert resumed.model.gan_loss is not None
    assert files_of(tmp_path / 'halves/pseudo_gt') == pseudo_gts
    assert before_of(tmp_path / 'halves') == before

    assert_same_state(resumed.model.state_dict(), whole.model.state_dict())
    seconds = results_of(resumed)['seconds']
    assert seconds['detect_before'] == first['detect_before']  # of the first session
    assert seconds['pseudo_gt'] > first['pseudo_gt']  # of both
    assert without_seconds(resumed) == without_seconds(whole)
    assert contents_of(tmp_path / 'halves/heldout/gan_after') == contents_of(
        tmp_path / 'whole/heldout/gan_after')


def test_adversarial_loss_stays_off_when_resumed(train, tmp_path):
    train(tmp_path / 'run', 2, discriminator_checkpoint=None)
    resumed = train(tmp_path / 'run', 3, resume=True, discriminator_checkpoint=None)
    assert resumed.model.gan_loss is None


def test_load_from_is_not_where_a_resumed_run_begins(train, tmp_path):
    """mmengine would go on there, at the iteration of the long training before."""
    write_whole_model(tmp_path / 'whole.pth', model_config('RealESRGAN'), seed=1)
    options = dict(load_from=str(tmp_path / 'whole.pth'), gan_checkpoint=None,
                   discriminator_checkpoint=None, detector=dict(DETECTOR, threshold=1))
    train(tmp_path / 'run', 2, **options)
    resumed = train(tmp_path / 'run', 3, resume=True, **options)
    assert resumed.iter == 3
    assert len(resumed.probe.batches) == 1
    assert resumed.model.gan_loss is not None


def test_adversarial_loss_goes_on_where_load_from_gave_the_discriminator(data, tmp_path):
    """Under MMagic's own tool, whose --resume forgets what load_from was."""
    model = model_config('RealESRGAN')
    write_whole_model(tmp_path / 'whole.pth', model, seed=1)
    for iterations in (1, 2):
        config = training_config(model, iterations=iterations, hooks=[EMA_HOOK])
        config.resume = iterations == 2
        runner = make_runner(tmp_path / 'run', data, config, gan_checkpoint=None,
                             detector=dict(DETECTOR, threshold=1))
        if not config.resume:
            runner._load_from = runner.cfg.load_from = str(tmp_path / 'whole.pth')
        runner.train()
        assert runner.iter == iterations
        assert runner.model.gan_loss is not None


def test_resume_without_a_checkpoint_begins_anew_on_the_finished_pseudo_gts(train, tmp_path):
    train(tmp_path / 'run', 1)
    for path in [*(tmp_path / 'run').glob('*.pth'), tmp_path / 'run/last_checkpoint']:
        path.unlink()
    pseudo_gts = files_of(tmp_path / 'run/pseudo_gt/gt')
    assert train(tmp_path / 'run', 1, resume=True).iter == 1
    assert files_of(tmp_path / 'run/pseudo_gt/gt') == pseudo_gts


def test_lost_pseudo_gts_are_made_from_where_the_run_began(train, tmp_path):
    """Not from the half fine-tuned generator, whose artifacts are half gone."""
    train(tmp_path / 'run', 2)
    folder = tmp_path / 'run/pseudo_gt'
    made = contents_of(folder)
    shutil.rmtree(folder)
    train(tmp_path / 'run', 3, resume=True)
    assert contents_of(folder) == made


def test_interrupted_pseudo_gts_without_a_start_are_an_error(train, tmp_path):
    train(tmp_path / 'run', 2)
    (tmp_path / 'run/pseudo_gt/manifest.json').unlink()
    with pytest.raises(InputError, match='pseudo_gt.*not complete.*gan_checkpoint'):
        train(tmp_path / 'run', 3, resume=True, gan_checkpoint=None)


def test_lost_figures_from_before_are_said(train, tmp_path, capsys):
    train(tmp_path / 'run', 2)
    heldout = tmp_path / 'run/heldout'
    (heldout / 'before.json').unlink()
    (heldout / 'results.json').unlink()
    capsys.readouterr()
    assert train(tmp_path / 'run', 3, resume=True).iter == 3
    assert f'{heldout} does not say how' in capsys.readouterr().out
    assert not (heldout / 'results.json').exists()


def test_finished_pseudo_gts_serve_another_run(train, tmp_path):
    """Trials of a recipe differ in the training alone."""
    folder = tmp_path / 'pseudo_gt'
    train(tmp_path / 'first', 1, pseudo_gt_dir=str(folder))
    made = files_of(folder / 'gt')
    second = train(tmp_path / 'second', 1, pseudo_gt_dir=str(folder))
    assert files_of(folder / 'gt') == made
    assert {Path(sample.gt_path).parent for sample in second.probe.samples} == {folder / 'gt'}
    assert not (tmp_path / 'second/pseudo_gt').exists()


def test_pseudo_gts_of_other_weights_are_never_reused(train, tmp_path):
    folder = tmp_path / 'pseudo_gt'
    train(tmp_path / 'first', 1, pseudo_gt_dir=str(folder))
    gan, _ = write_checkpoints(tmp_path / 'other', amplitude=.2)
    made = files_of(folder)
    with pytest.raises(PseudoGTError, match='other weights or settings .gan_sha256'):
        train(tmp_path / 'second', 1, pseudo_gt_dir=str(folder), gan_checkpoint=str(gan))
    assert files_of(folder) == made
