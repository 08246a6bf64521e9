"""No way by which a file of weights reaches a run's libraries runs code from it.

Each is tried with mmengine as it is here, and with loaders that run what is in a file unless they
are kept from it, as those of other versions do.
"""
from __future__ import annotations

import os
import re
import shutil
import zipfile
from contextlib import suppress
from copy import deepcopy
from types import SimpleNamespace

import hostile
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from mmengine.runner import Runner, load_checkpoint
from torch import nn
from toy_training import make_runner, model_config, training_config

from mmdesra.engine.resumed_optimizers import check_optimizers
from mmdesra.engine.start_hook import StartGeneratorHook
from mmdesra.errors import InputError
from mmdesra.generators import CheckpointError, known_pickles, read_checkpoint
from mmdesra.generators.safe_loading import SafeLoading
from mmdesra.generators.torch_switch import STRICT

CODE_RUN = 'code of the file was run'


@pytest.fixture(params=['as it is', 'lax'])
def engine(request, monkeypatch):
    """Counts loads; the lax one runs what it loads, as mmengine before PyTorch 2.6."""
    load, calls = torch.load, []

    def counting_load(file, *args, weights_only=None, **options):
        ours = getattr(options.get('pickle_module'), '__name__', '') == known_pickles.__name__
        calls.append(weights_only is True or os.environ.get(STRICT) == '1' or ours)
        if weights_only is not None or request.param == 'lax':
            options['weights_only'] = bool(weights_only)
        return load(file, *args, **options)

    monkeypatch.setattr(torch, 'load', counting_load)
    return SimpleNamespace(calls=calls, is_lax=request.param == 'lax')


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / 'canary'
    yield path
    assert not path.exists(), CODE_RUN


@pytest.fixture(scope='module')
def trained(data, tmp_path_factory):
    """The folder of a run of two iterations."""
    folder = tmp_path_factory.mktemp('trained') / 'run'
    build(folder, data).train()
    return folder


@pytest.fixture
def work_dir(trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / 'run')
    (folder / 'last_checkpoint').write_text(str(folder / 'iter_2.pth'))
    return folder


def build(folder, data, iterations=2, model=None, **options) -> Runner:
    config = training_config(model_config(**(model or {})), iterations=iterations)
    config.default_hooks.checkpoint.interval = 1
    return make_runner(folder, data, config, heldout_lq_dir=None, **options)


def pretrained(path, **more):
    return dict(type='Pretrained', checkpoint=str(path), **more)


@MODELS.register_module(force=True)
class InitialisedDiscriminator(BaseModule):
    def __init__(self, init_cfg):
        super().__init__(init_cfg)
        self.discriminator = nn.Conv2d(3, 1, 3)


def discriminator(**more):
    return dict(type='InitialisedDiscriminator', **more)


def with_load_from(runner, path):
    runner._load_from = str(path)
    return runner


def by_load_from(path, folder, data):
    return with_load_from(build(folder, data), path).train


def by_load_from_that_fills(path, folder, data):
    runner = build(folder, data, gan_checkpoint=str(path))
    runner.cfg.load_from = runner._load_from = str(path)
    return runner.train


def by_resuming_from_a_name(path, folder, data):
    runner = with_load_from(build(folder, data), path)
    runner._resume = True
    return runner.train


def by_resuming_from_the_last(path, folder, data):
    folder.mkdir()
    shutil.copy(path, folder / 'iter_1.pth')
    (folder / 'last_checkpoint').write_text(str(folder / 'iter_1.pth'))
    runner = build(folder, data)
    runner._resume = True
    return runner.train


def by_init_cfg(path, folder, data):
    return build(folder, data, model=dict(
        discriminator=discriminator(init_cfg=pretrained(path)))).train


def by_init_cfg_with_prefix(path, folder, data):
    return build(folder, data, model=dict(
        discriminator=discriminator(init_cfg=pretrained(path, prefix='discriminator')))).train


def by_pretrained(path, folder, data):
    """Of a part that is filled when it is built, before any hook is."""
    return lambda: build(folder, data, model=dict(discriminator=dict(
        type='BasicVSRNet', mid_channels=2, num_blocks=1, spynet_pretrained=str(path))))


def by_torchvisions_cache(path, folder, data):
    """What somebody puts there for a machine without network; it is not compared with its hash.

    PyTorch reads it with ``weights_only=False``.
    """
    loss = dict(type='PerceptualLoss', layer_weights={'2': 1.}, vgg_type='vgg11',
                pretrained='torchvision://vgg11')

    def run():
        cached = folder.parent / 'hub/checkpoints/vgg11-8a719046.pth'
        cached.parent.mkdir(parents=True)
        shutil.copy(path, cached)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv('TORCH_HOME', str(folder.parent))
            build(folder, data, model=dict(perceptual_loss=loss))
    return run


def by_own_call_of_a_program(path, folder, data):
    return lambda: build(folder, data).load_checkpoint(str(path))


def by_hook(name):
    def make(path, folder, data):
        return lambda: build(folder, data, **{name: str(path)}).train()
    make.__name__ = f'by_{name}'
    return make


def by_start_hook(path, folder, data):
    def run():
        runner = build(folder, data)
        StartGeneratorHook(str(path)).before_train(runner)
    return run


WAYS = (by_load_from, by_load_from_that_fills, by_resuming_from_a_name, by_resuming_from_the_last,
        by_init_cfg, by_init_cfg_with_prefix, by_pretrained, by_torchvisions_cache,
        by_own_call_of_a_program, by_hook('gan_checkpoint'), by_hook('mse_checkpoint'),
        by_hook('discriminator_checkpoint'), by_start_hook)


def refuse(way, path, folder, data):
    with pytest.raises(InputError, match=hostile.REFUSED) as caught:
        way(path, folder, data)()
    message = str(caught.value)
    assert '\n' not in message
    names = path.name, 'iter_1.pth', 'vgg11-8a719046.pth'
    assert any(name in message for name in names)
    assert 'weights_only' not in message and 'trust' not in message
    written = {file.suffix for file in folder.rglob('*') if file.is_file()
               and file.name not in ('iter_1.pth', 'last_checkpoint', '.lock')}
    assert written <= {'.log', '.py', '.json'}  # mmengine's own, before it loads anything
    assert not (folder / 'pseudo_gt').exists()


@pytest.mark.parametrize('way', WAYS, ids=lambda way: way.__name__)
def test_code_is_not_run(way, tmp_path, data, canary, engine):
    path = hostile.zipped(tmp_path / 'best_PSNR_iter_2.pth', canary, dict(state_dict={}))
    refuse(way, path, tmp_path / 'run', data)
    assert all(engine.calls)
    assert not SafeLoading.is_on()


@pytest.mark.parametrize('way', [by_load_from, by_pretrained], ids=lambda way: way.__name__)
@pytest.mark.parametrize('layout', hostile.LAYOUTS, ids=lambda layout: layout.__name__)
def test_code_is_not_run_in_any_layout(way, layout, tmp_path, data, canary):
    refuse(way, layout(tmp_path / 'weights.pth', canary, dict(state_dict={})), tmp_path / 'run',
           data)


def runs_code(path, marker):
    """Whether this mmengine, left alone, runs what is in a file."""
    with suppress(Exception):
        load_checkpoint(nn.Linear(1, 1), str(path))
    found = marker.exists()
    marker.unlink(missing_ok=True)
    return found


def test_the_lax_engine_would_run_it(tmp_path, engine):
    """So that the tests above would see it."""
    path = hostile.zipped(tmp_path / 'weights.pth', tmp_path / 'marker', dict(state_dict={}))
    assert runs_code(path, tmp_path / 'marker') or not engine.is_lax
    assert not all(engine.calls)


def plain_runner(folder, hooks=(), **settings):
    """A run that names nothing of ours, unless its hooks do."""
    return Runner(model=Plain(), work_dir=str(folder), experiment_name=f'{folder.parent.name}',
                  custom_hooks=[*hooks], log_level='ERROR', **settings)


class Plain(nn.Module):
    def train_step(self, data, optim_wrapper):
        return {}


@pytest.mark.parametrize('hooks, is_ours', [
    ([], False), ([dict(type='EmptyCacheHook')], False),
    ([dict(type='StartGeneratorHook', checkpoint='a.pth')], True),
    ([StartGeneratorHook('a.pth')], True)])
def test_runs_that_are_not_of_ours_load_what_they_could(tmp_path, engine, hooks, is_ours):
    path = hostile.zipped(tmp_path / 'weights.pth', tmp_path / 'marker', dict(state_dict={}))
    would_run = runs_code(path, tmp_path / 'marker')
    runner = plain_runner(tmp_path / 'run', hooks)
    refused = pytest.raises(CheckpointError, match=hostile.REFUSED)
    with refused if is_ours else suppress(Exception):
        runner.load_checkpoint(str(path))
    assert (tmp_path / 'marker').exists() == (would_run and not is_ours)


def test_a_hook_that_a_program_registers_makes_the_run_ours(tmp_path, canary):
    class Derived(StartGeneratorHook):
        pass

    path = hostile.zipped(tmp_path / 'weights.pth', canary, dict(state_dict={}))
    runner = plain_runner(tmp_path / 'run')
    runner.register_hook(Derived('a.pth'))
    with pytest.raises(CheckpointError, match=hostile.REFUSED):
        runner.load_checkpoint(str(path))


@pytest.mark.parametrize('config', [
    dict(custom_imports=dict(imports=['mmdesra'])),
    dict(custom_imports=dict(imports='mmdesra')),
    dict(custom_imports=dict(imports=['mmdesra.engine'])),
    dict(custom_hooks=[dict(type='mmdesra.engine.DeSRAFinetuneHook')]),
    dict(val_evaluator=dict(metrics=[dict(type='PSNR'), dict(type='DeSRADetector')])),
    dict(train_dataloader=dict(dataset=dict(dataset=dict(type='PseudoGTDataset')))),
    dict(custom_hooks=[dict(type=StartGeneratorHook)])])
def test_a_config_that_names_us_makes_the_run_ours(config):
    from mmdesra.engine.safe_runs import _names_us
    assert _names_us(Config(config))


@pytest.mark.parametrize('config', [
    dict(custom_imports=dict(imports=['toys'])), dict(type='PSNR'), dict(work_dir='mmdesra'),
    dict(custom_hooks=[dict(type='EMAHook'), dict(type=Hook)]), {}])
def test_a_config_that_does_not_is_not_ours(config):
    from mmdesra.engine.safe_runs import _names_us
    assert not _names_us(Config(config))


# ---------------------------------------- what a checkpoint says beside its weights


def test_a_config_in_a_checkpoint_is_not_run(work_dir, data, canary, caplog):
    """mmengine would run it to look for the number of GPUs."""
    path = work_dir / 'iter_2.pth'
    content = dict(read_checkpoint(path))
    content['meta']['config'] = f'open({str(canary)!r}, "w")'
    torch.save(content, path)
    runner = build(work_dir, data, iterations=3)
    runner._resume = True
    runner.train()
    assert runner.iter == 3
    assert f'{path}: its meta.config is a program, and is not run' in caplog.text


def rename_numpy(path, name):
    """Let a checkpoint name NumPy's functions as the NumPy 1 or 2 that wrote it would."""
    with zipfile.ZipFile(path) as archive:
        content = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, 'w') as archive:
        for entry, data in content.items():
            archive.writestr(entry, re.sub(rb'numpy\._?core(?=\.multiarray\n)', name, data)
                             if entry.endswith('.pkl') else data)
    assert name + b'.multiarray' in path.read_bytes()


@pytest.mark.parametrize('numpy', [b'numpy.core', b'numpy._core'])
def test_a_checkpoint_of_mmengines_resumes_to_the_same_weights(work_dir, trained, data, engine,
                                                               numpy):
    """Whichever NumPy wrote it; with log history, optimisers and NumPy's scalars."""
    (work_dir / 'iter_2.pth').unlink()
    rename_numpy(work_dir / 'iter_1.pth', numpy)
    (work_dir / 'last_checkpoint').write_text(str(work_dir / 'iter_1.pth'))
    probe = StateProbe()
    runner = build(work_dir, data, probe=probe)
    runner._resume = True
    engine.calls.clear()
    runner.train()
    assert engine.calls and all(engine.calls)
    saved = read_checkpoint(trained / 'iter_1.pth')
    for name, value in probe.loaded.items():
        assert_same(saved[name], value)
    undisturbed, resumed = (read_checkpoint(folder / 'iter_2.pth')
                            for folder in (trained, work_dir))
    for name in 'state_dict', 'optimizer':
        assert_same(undisturbed[name], resumed[name])
    history, again = (content['message_hub']['log_scalars']['train/loss_pix'].data[0]
                      for content in (undisturbed, resumed))
    assert again.tolist() == history.tolist() and len(again) == 2


class StateProbe(Hook):
    """Notes what a run begins with."""

    def before_train(self, runner):
        self.loaded = deepcopy(dict(state_dict=runner.model.state_dict(),
                                    optimizer=runner.optim_wrapper.state_dict()))


def assert_same(one, other):
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert_same(value, other[name])
    elif isinstance(one, (list, tuple)):
        for pair in zip(one, other):
            assert_same(*pair)
    else:
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


# ---------------------------------------- files that are not the run's


def best_of(folder, path):
    """Resume from a checkpoint that calls ``path`` the best one; return what the hooks know."""
    content = dict(read_checkpoint(folder / 'iter_2.pth'))
    content['message_hub']['runtime_info'].update(best_ckpt=str(path), keep_ckpt_ids=['../x', 1])
    torch.save(content, folder / 'iter_2.pth')


@pytest.mark.parametrize('name, stays', [
    ('run/best_PSNR_iter_1.pth', True),  # the run's own
    ('copied_from/best_PSNR_iter_1.pth', True),  # of the folder that it was copied from
    ('copied_from/best_PSNR_iter_9.pth', False),  # not copied
    ('run/photographs.zip', False), ('run/../diary.txt', False)])
def test_no_file_is_called_the_best_checkpoint_that_is_none(work_dir, data, tmp_path, name, stays):
    """mmengine deletes it when it has a better one."""
    for folder in ('run', 'copied_from'):
        (tmp_path / folder).mkdir(exist_ok=True)
    (work_dir / 'best_PSNR_iter_1.pth').touch()
    (tmp_path / name).touch()
    best_of(work_dir, tmp_path / name)
    runner = build(work_dir, data, iterations=3)
    runner._resume = True
    runner.train()
    info = runner.message_hub.runtime_info
    assert info.get('best_ckpt') == (
        str((work_dir / 'best_PSNR_iter_1.pth').resolve()) if stays else None)
    assert info.get('keep_ckpt_ids') != ['../x', 1]
    assert (tmp_path / name).exists()


@pytest.mark.parametrize('kind, message', [
    ('SGD', r'iter_2.pth: cannot .* its optimizer \(generator\) has the settings amsgrad, betas'),
    ('SGD', 'and the SGD of the config dampening, momentum, nesterov. Resume with'),
    ('RMSprop', 'and the RMSprop of the config alpha, centered'),
    ('Adam', None)])
def test_a_run_is_resumed_with_its_own_kind_of_optimizer(work_dir, data, kind, message):
    config = training_config(model_config(), iterations=3)
    config.optim_wrapper.generator.optimizer.type = kind
    config.resume = True
    runner = make_runner(work_dir, data, config, heldout_lq_dir=None)
    if message is None:
        runner.train()
        return
    with pytest.raises(CheckpointError, match=message):
        runner.train()
    assert runner.iter == 0


def test_an_optimizer_of_another_pytorch_is_no_other_optimizer(work_dir, data):
    """Settings are added from version to version."""
    for change in (lambda group: group.pop('amsgrad'), lambda group: group.update(new=1)):
        content = dict(read_checkpoint(work_dir / 'iter_2.pth'))
        change(content['optimizer']['generator']['param_groups'][0])
        check_optimizers(build(work_dir, data).optim_wrapper, content['optimizer'], 'a.pth')
