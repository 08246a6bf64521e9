"""Fine-tuning without a sibling: the reference is made of the GAN itself."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import HOOKS
from toy_training import make_data, make_runner, model_config, results_of, training_config
from toys import GAN_AMPLITUDE, ToyGenerator

from mmdesra.engine.hook_settings import HOOK
from mmdesra.engine.inherit import find_hook, inherit_desra
from mmdesra.errors import InputError
from mmdesra.files import list_images, read_image
from mmdesra.generators import SelfEnsemble, Upscaler, fingerprint

pytest.importorskip('mmagic')
ENSEMBLE = dict(type='SelfEnsemble', passes=4)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='module')
def runner(data, tmp_path_factory):
    """A run of two rounds, which validates in between."""
    config = training_config(model_config(), iterations=6, val_interval=2)
    runner = make_runner(tmp_path_factory.mktemp('finetune') / 'run', data, config,
                         mse_checkpoint=None, reference=ENSEMBLE, rounds=2)
    runner.train()
    return runner


def test_artifacts_are_found_and_removed(runner):
    results = results_of(runner)
    assert results['regions_before'] > 2
    assert results['area_after'] < .8 * results['area_before']


def test_the_reference_is_of_the_gan_before_fine_tuning(runner, data):
    """Though the weights that it was copied from are trained."""
    assert runner.model.generator.amplitude.item() < GAN_AMPLITUDE / 2
    before = SelfEnsemble(Upscaler(ToyGenerator(GAN_AMPLITUDE)), 4)
    for path in list_images(data.heldout):
        lq = read_image(path)
        stored = read_image(Path(runner.work_dir) / 'heldout/mse' / path.name)
        np.testing.assert_array_equal(stored, before(lq, lq))


def test_it_is_named_wherever_results_are(runner):
    work_dir = Path(runner.work_dir)
    described = SelfEnsemble(Upscaler(ToyGenerator(GAN_AMPLITUDE)), 4).describe()
    assert results_of(runner)['reference'] == described
    for folder in ('pseudo_gt', 'pseudo_gt_round2'):
        made_with = json.loads((work_dir / folder / 'manifest.json').read_text())['made_with']
        assert {name: made_with[name] for name in described} == described


def test_a_run_with_a_sibling_says_which(data, tmp_path):
    runner = make_runner(tmp_path / 'run', data, training_config(model_config(), iterations=1))
    runner.train()
    assert results_of(runner)['reference'] == dict(mse_sha256=fingerprint(ToyGenerator()))


def test_validation_has_the_weights_from_before(data):
    config = training_config(model_config(), iterations=4, val_interval=2)
    inherit_desra(config, lq_dir=str(data.lq), heldout_lq_dir=str(data.heldout),
                  gan_checkpoint=str(data.gan), reference='self-ensemble')
    [metric] = config.val_evaluator.metrics
    assert metric == dict(type='DeSRADetector', skip_unusable=True, reference='self-ensemble',
                          gan_checkpoint=str(data.gan))


def test_a_resumed_run_has_the_same_reference(data, tmp_path):
    def run(**changes):
        config = training_config(model_config(), iterations=4)
        config.default_hooks.checkpoint.interval = 2
        config.update(changes)
        runner = make_runner(tmp_path / 'run', data, config, mse_checkpoint=None,
                             reference='self-ensemble')
        runner.train()
        return runner

    runner = run()
    pictures = {path.name: path.read_bytes()
                for path in (Path(runner.work_dir) / 'heldout/mse').iterdir()}
    expected = results_of(runner)['area_after']
    (tmp_path / 'run/iter_4.pth').unlink()
    (tmp_path / 'run/last_checkpoint').write_text(str(tmp_path / 'run/iter_2.pth'))
    runner = run(resume=True)
    assert results_of(runner)['area_after'] == expected
    assert pictures == {path.name: path.read_bytes()
                        for path in (Path(runner.work_dir) / 'heldout/mse').iterdir()}


# ---------------------------------------- one reference, and one only


def options(data, **more):
    return dict(lq_dir=str(data.lq), gan_checkpoint=str(data.gan), **more)


def test_neither(data):
    with pytest.raises(InputError, match='needs mse_checkpoint.*--reference self-ensemble.*'
                                         'make-mse-partner'):
        inherit_desra(training_config(model_config()), **options(data))
    with pytest.raises(InputError, match='needs mse_checkpoint .* or reference'):
        HOOKS.build(dict(type=HOOK, lq_dir='a'))


def test_both(data):
    both = dict(mse_checkpoint='m.pth', reference='self-ensemble')
    with pytest.raises(InputError, match='either mse_checkpoint .*or reference .*got both'):
        inherit_desra(training_config(model_config()), **options(data, **both))
    with pytest.raises(InputError, match='got both'):
        HOOKS.build(dict(type=HOOK, lq_dir='a', **both))


@pytest.mark.parametrize('given, kept, left_out', [
    (dict(reference='self-ensemble'), 'reference', ['mse_checkpoint', 'mse_generator']),
    (dict(mse_checkpoint='b.pth'), 'mse_checkpoint', ['reference'])])
def test_what_is_given_stands_in_for_what_the_config_names(data, given, kept, left_out):
    named = (dict(mse_checkpoint='a.pth', mse_generator='ToyGenerator')
             if kept == 'reference' else dict(reference='self-ensemble'))
    config = training_config(model_config(), hooks=[dict(type=HOOK, **named)])
    hook = find_hook(inherit_desra(config, **options(data, **given)))
    assert hook[kept] == given[kept]
    assert not set(left_out) & set(hook)


@pytest.mark.parametrize('wrong, message', [
    (dict(reference='partner'), "one of the references .*got 'partner'"),
    (dict(reference=dict(type='SelfEnsemble', turns=3)), 'takes passes, got turns'),
    (dict(reference='self-ensemble', mse_generator='ToyGenerator'), 'mse_generator is')])
def test_what_is_wrong_is_said_before_the_run(data, wrong, message):
    with pytest.raises(InputError, match=message):
        inherit_desra(training_config(model_config()), **options(data, **wrong))


def test_a_resumed_run_without_its_start(data, tmp_path):
    config = training_config(model_config(), iterations=2)
    runner = make_runner(tmp_path / 'run', data, config, mse_checkpoint=None,
                         reference='self-ensemble', heldout_lq_dir=None)
    runner.train()
    config = training_config(model_config(), iterations=4)
    config.resume = True
    runner = make_runner(tmp_path / 'run', data, config, mse_checkpoint=None,
                         reference='self-ensemble', heldout_lq_dir=None, gan_checkpoint=None)
    with pytest.raises(InputError, match='needs gan_checkpoint: the reference is made of'):
        runner.train()
