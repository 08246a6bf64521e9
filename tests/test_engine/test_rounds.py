"""Detecting again with the fine-tuned generator, and going on."""
from __future__ import annotations

import json
import logging
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.hooks import Hook
from toy_mix import SHARE, mixed_config, write_original
from toy_training import Probe, make_runner, model_config, results_of, training_config
from toys import ToyGenerator

from mmdesra.datasets.next_round_maker import NextRoundMaker
from mmdesra.datasets.pseudo_gt_folder import PseudoGTError, PseudoGTFolder
from mmdesra.engine.rounds import RoundBatches, Rounds
from mmdesra.errors import InputError
from mmdesra.files import read_image, read_mask
from mmdesra.generators import fingerprint, load_weights

EMA_HOOK = dict(type='ExponentialMovingAverageHook', module_keys='generator_ema', interval=1,
                interp_cfg=dict(momentum=.6))
ITERATIONS, BOUNDARY = 5, 2


# ---------------------------------------- where rounds begin


@given(st.integers(1, 9), st.integers(0, 50))
def test_iterations_are_divided_evenly(rounds, more):
    plan = Rounds(rounds, rounds + more)
    starts = [plan.start(number) for number in range(1, rounds + 2)]
    lengths = {end - start for start, end in zip(starts, starts[1:])}
    assert (starts[0], starts[-1]) == (0, plan.iterations)
    assert min(lengths) >= 1 and max(lengths) - min(lengths) <= 1
    for number, (start, end) in enumerate(zip(starts, starts[1:]), 1):
        assert {plan.at(done) for done in range(start, end)} == {number}
    assert plan.at(plan.iterations) == rounds


def test_fewer_iterations_than_rounds():
    with pytest.raises(InputError, match='got 2 iterations and 3 rounds'):
        Rounds(3, 2)


def batches_of(number):
    return ((number, batch) for batch in count())


def test_batches_of_each_round_begin_when_it_does():
    begun = []

    def begin(number):
        begun.append(number)
        return batches_of(number)

    batches = RoundBatches(Rounds(3, 7), 1, batches_of(1), begin)
    assert list(islice(batches, 4)) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert begun == [2]
    assert list(islice(batches, 3)) == [(3, 0), (3, 1), (3, 2)]
    resumed = RoundBatches(Rounds(3, 7), 2, batches_of(2), begin)
    assert list(islice(resumed, 5)) == [None, None, (2, 0), (2, 1), (3, 0)]


# ---------------------------------------- in a real Runner


class Kill(Exception):
    pass


class KillAt(Hook):
    """Ends a run after so many iterations, when checkpoints are written."""

    priority = 'LOWEST'

    def __init__(self, iteration):
        self.iteration = iteration

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == self.iteration:
            raise Kill


@pytest.fixture(scope='module')
def original(tmp_path_factory):
    return write_original(tmp_path_factory.mktemp('original'))


@pytest.fixture(scope='module')
def train(data, original):
    """Trains with an EMA, some original data, and the knee sought: everything that must go on."""
    def run(work_dir, resume=False, kill_at=None, **options):
        config = mixed_config(original, ITERATIONS, 'RealESRGAN', unsharp=True)
        config.optim_wrapper.generator.optimizer.lr = .02
        config.custom_hooks.append(EMA_HOOK)
        config.default_hooks.checkpoint.interval = 4
        config.resume = resume
        runner = make_runner(work_dir, data, config, Probe(), original_share=SHARE,
                             **{**dict(rounds=2, stop='knee', watch_interval=1), **options})
        if kill_at:
            runner.register_hook(KillAt(kill_at))
            with pytest.raises(Kill):
                runner.train()
        else:
            runner.train()
        return runner

    return run


@pytest.fixture(scope='module')
def whole(train, tmp_path_factory):
    return train(tmp_path_factory.mktemp('whole') / 'run')


def probe_of(runner):
    return next(hook for hook in runner.hooks if isinstance(hook, Probe))


def rounds_of(runner):
    return json.loads((Path(runner.work_dir) / 'rounds.json').read_text())


def contents_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob('*')) if path.is_file() and path.name != 'run.json'}


def assert_ends_alike(resumed, whole):
    work_dir, expected = Path(resumed.work_dir), Path(whole.work_dir)
    state = whole.model.state_dict()
    for name, value in resumed.model.state_dict().items():
        assert torch.equal(value, state[name]), name
    second = contents_of(work_dir / 'pseudo_gt_round2')
    assert second == contents_of(expected / 'pseudo_gt_round2')
    assert rounds_of(resumed) == rounds_of(whole)
    curves = [(root / 'heldout/curve.json').read_text() for root in (work_dir, expected)]
    assert curves[0] == curves[1]
    assert results_of(resumed)['detail_kept'] == results_of(whole)['detail_kept']


def test_second_round_trains_on_what_the_fine_tuned_generator_made(whole):
    work_dir = Path(whole.work_dir)
    folders = [{Path(sample.gt_path).parent.parent.name for sample in batch['data_samples']}
               for batch in probe_of(whole).batches]
    original = folders[0] - {'pseudo_gt'}
    assert folders == [{'pseudo_gt'} | original] * BOUNDARY + (
        [{'pseudo_gt_round2'} | original] * (ITERATIONS - BOUNDARY))
    made_with = PseudoGTFolder(work_dir / 'pseudo_gt_round2').read_manifest().made_with
    assert (made_with['round'], made_with['iteration']) == (2, BOUNDARY)
    result = ToyGenerator(probe_of(whole).states[BOUNDARY - 1]['generator_ema.amplitude'].item())
    assert made_with['gan_sha256'] == fingerprint(result)  # the EMA, after its update
    load_weights(result, work_dir / 'round_1.pth')
    assert made_with['gan_sha256'] == fingerprint(result)


def test_second_round_keeps_the_texture_from_before_the_first(whole):
    first, second = (PseudoGTFolder(Path(whole.work_dir) / name)
                     for name in ('pseudo_gt', 'pseudo_gt_round2'))
    assert first.masks().keys() == second.masks().keys() == {'image0', 'image2', 'image3'}
    for name in first.masks():
        outside = ~read_mask(second.mask_path(name))
        assert not (read_mask(first.mask_path(name)) & outside).any()
        gts = [read_image(folder.gt_path(name))[outside] for folder in (first, second)]
        np.testing.assert_array_equal(*gts)


def test_figures_of_each_round_are_kept(whole):
    first, second = rounds_of(whole)
    assert (first['iterations'], second['iterations']) == ([0, BOUNDARY], [BOUNDARY, ITERATIONS])
    assert first['regions_found'] >= second['regions_found'] > 0
    assert first['pseudo_gts'] == second['pseudo_gts'] == 3
    assert first['artifact_px'] <= second['artifact_px']
    curve = json.loads((Path(whole.work_dir) / 'heldout/curve.json').read_text())
    assert [row['iteration'] for row in curve] == [1, 2, 3, 4, 5]  # of all rounds
    for row, point in ((first, curve[BOUNDARY - 1]), (second, curve[-1])):
        assert row['heldout']['removal_rate'] == point['removal_rate']
        assert row['heldout']['detail_kept'] == point['detail_kept']
        assert row['heldout']['images'] == 4


@pytest.mark.parametrize('kill_at', [1, 4])
def test_resumed_in_either_round_ends_as_an_undisturbed_run(train, whole, tmp_path, kill_at):
    train(tmp_path / 'run', kill_at=kill_at)
    resumed = train(tmp_path / 'run', resume=True)
    assert len(probe_of(resumed).batches) == (ITERATIONS if kill_at == 1 else 1)
    assert_ends_alike(resumed, whole)


def test_resumed_while_the_second_round_makes_its_pseudo_gts(train, whole, tmp_path, monkeypatch):
    generate, made = NextRoundMaker._generate, []

    def generate_two(self, path, lq):
        if len(made) == 2:
            raise Kill
        made.append(path.stem)
        return generate(self, path, lq)

    with monkeypatch.context() as patch:
        patch.setattr(NextRoundMaker, '_generate', generate_two)
        with pytest.raises(Kill):
            train(tmp_path / 'run')
    folder = tmp_path / 'run/pseudo_gt_round2'
    begun = (folder / 'gt/image0.png').stat().st_mtime_ns
    resumed = train(tmp_path / 'run', resume=True)
    assert len(probe_of(resumed).batches) == ITERATIONS - BOUNDARY
    assert (folder / 'gt/image0.png').stat().st_mtime_ns == begun
    assert_ends_alike(resumed, whole)


def short(tmp_path, data, iterations=2, resume=False, lr=0., **options):
    config = training_config(model_config(), iterations=iterations, lr=lr)
    config.resume = resume
    return make_runner(tmp_path / 'run', data, config,
                       **{**dict(rounds=2, heldout_lq_dir=None), **options})


def test_where_nothing_is_left_the_second_round_goes_on_with_the_same(data, tmp_path):
    runner, said = short(tmp_path, data, lr=.15), []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    runner.logger.setLevel(logging.INFO)
    runner.logger.addHandler(handler)
    runner.train()
    assert sum('nothing is left to fix' in text for text in said) == 1
    first, second = rounds_of(runner)
    assert second['regions_found'] == 0 < first['regions_found']
    assert second['heldout'] is None
    folders = [contents_of(tmp_path / f'run/{name}/gt')
               for name in ('pseudo_gt', 'pseudo_gt_round2')]
    assert folders[0] == folders[1] != {}


def test_folders_of_other_rounds_are_refused(data, tmp_path):
    short(tmp_path, data).train()
    with pytest.raises(PseudoGTError, match='pseudo_gt_round2: is of an earlier run'):
        short(tmp_path, data).train()
    with pytest.raises(PseudoGTError, match='round 2, begun after 1 it.* of round 2 after 2'):
        manifest = tmp_path / 'run/pseudo_gt_round2/manifest.json'
        text = manifest.read_text()
        manifest.write_text(text.replace('"iteration": 1', '"iteration": 2'))
        short(tmp_path, data, resume=True).train()
    manifest.write_text(text)
    with pytest.raises(PseudoGTError, match='other weights or settings .iteration: there 1, now'):
        short(tmp_path, data, iterations=4, resume=True).train()


def test_options_that_make_no_sense(data, tmp_path):
    with pytest.raises(InputError, match='rounds to be a whole number of at least 1, got 0'):
        short(tmp_path, data, rounds=0)
    with pytest.raises(InputError, match='1 iterations and 2 rounds'):
        short(tmp_path, data, iterations=1).train()
    config = training_config(model_config())
    config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)
    config.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=True)
    runner = make_runner(tmp_path / 'epochs', data, config, rounds=2, heldout_lq_dir=None)
    with pytest.raises(InputError, match='IterBasedTrainLoop.*got EpochBasedTrainLoop'):
        runner.train()
