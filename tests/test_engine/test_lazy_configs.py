"""Configs in mmengine's pure Python style give the same run as those in text."""
from __future__ import annotations

import copy
import logging
import re
from pathlib import Path

import pytest
import torch
from lazy_configs import bare, write_lazy
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model.weight_init import PretrainedInit
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from toy_mix import mixed_config, write_original
from toy_training import DETECTOR, GT_PATCH_SIZE, make_runner, model_config, training_config

from mmdesra.engine.amp import use_amp
from mmdesra.engine.finetune_hook import DeSRAFinetuneHook
from mmdesra.engine.inherit import HOOK, find_hook, inherit_desra
from mmdesra.engine.mse_partner import inherit_mse_partner
from mmdesra.engine.process_group import join_process_group
from mmdesra.engine.start_weights import leave_out_pretrained
from mmdesra.errors import InputError
from mmdesra.files.configs import config_diff, read_config

EMA = dict(type='ExponentialMovingAverageHook', module_keys=('generator_ema',), interval=1,
           interp_cfg=dict(momentum=.001))


@pytest.fixture(scope='module')
def original(tmp_path_factory):
    return write_original(tmp_path_factory.mktemp('original') / 'data')


@pytest.fixture
def both(tmp_path):
    """Return a config as it was read from a file in text and from one in the other style."""
    def write(config: Config, **more) -> tuple[Config, Config]:
        config.dump(tmp_path / 'text.py')
        write_lazy(tmp_path / 'lazy.py', config)
        return read_config(str(tmp_path / 'text.py')), read_config(str(tmp_path / 'lazy.py'))

    return write


def ema_config(**options) -> Config:
    return training_config(model_config('RealESRGAN', is_use_ema=True), hooks=[EMA], **options)


def assert_same(text: Config, lazy: Config) -> None:
    """But for the module that a class is imported from, and its import."""
    text, lazy = bare(text.to_dict()), bare(lazy.to_dict())
    for config in (text, lazy):
        config.pop('custom_imports', None)
    assert lazy == text


@pytest.mark.parametrize('options', [
    {}, dict(heldout_lq_dir=None), dict(rounds=2, stop='knee'), dict(original_share=.5)],
    ids=['held-out', 'none held out', 'rounds and knee', 'share'])
def test_inheriting_gives_the_same_config(options, both, data, original):
    merged = []
    for config in both(mixed_config(original, 8000)):
        own = dict(lq_dir=str(data.lq), heldout_lq_dir=str(data.heldout),
                   gan_checkpoint=str(data.gan), mse_checkpoint=str(data.mse))
        merged.append(use_amp(inherit_desra(config, 8000, **{**own, **options})))
    assert_same(*merged)
    assert find_hook(merged[1]) is not None
    assert merged[1].custom_imports['imports'] == ['mmdesra']
    assert '<class' not in merged[1].pretty_text
    assert config_diff(merged[1], merged[1]) == ''


@pytest.mark.parametrize('with_photographs', [True, False])
def test_partner_gets_the_same_config(with_photographs, both, data, original):
    hook = dict(type=HOOK, lq_dir='a', mse_checkpoint='b')
    config = mixed_config(original, 5)
    config.custom_hooks.append(hook)
    partners = [inherit_mse_partner(one, data.gan, str(data.lq) if with_photographs else None,
                                    scale=4) for one in both(config)]
    assert_same(*partners)
    dataset = partners[1].train_dataloader.dataset
    assert dataset.get('data_root') == str(data.lq if with_photographs else original)
    assert [hook['type'] for hook in partners[1].custom_hooks][1:] == ['StartGeneratorHook']
    assert '<class' not in partners[1].pretty_text


def test_own_way_of_making_lr_images_is_seen_in_classes(both, data, original):
    """The pipeline of pairs loads img, which the photographs have not; one that makes it stays."""
    config = mixed_config(original, 5)
    config.train_dataloader.dataset.pipeline.pop(0)
    for one in both(config):
        _, *own = bare(one.train_dataloader.dataset.pipeline)
        partner = inherit_mse_partner(one, data.gan, str(data.lq), scale=4)
        loader, *rest = bare(partner.train_dataloader.dataset.pipeline)
        assert loader == dict(type='LoadLRImage', key='gt')  # which reads all that is listed
        assert rest == own


def final_state(work_dir, data, config, **options) -> dict:
    runner = make_runner(work_dir, data, config, **options)
    runner.train()
    return runner.model.state_dict()


def test_training_gives_the_same_weights(both, data, tmp_path):
    """With an EMA, whose momentum is raised, validation, and the config that the run leaves."""
    config = ema_config(iterations=4, val_interval=2)
    text, lazy = (final_state(tmp_path / style, data, one)
                  for style, one in zip(('text', 'lazy'), both(config)))
    assert text.keys() == lazy.keys()
    assert all(torch.equal(text[name], lazy[name]) for name in text)
    assert float(text['generator_ema.amplitude']) < .12  # by 0.001 it would be 0.15
    (dumped,) = (tmp_path / 'lazy').glob('*.py')
    again = read_config(str(dumped))
    assert again.custom_imports['imports'] == ['mmdesra']
    weights = final_state(tmp_path / 'again', data, again)
    assert all(torch.equal(text[name], weights[name]) for name in text)


@pytest.mark.parametrize('scope', ['mmengine', 'absent'])
def test_training_without_mmagics_scope(scope, both, data, original, tmp_path):
    """Where all types are classes no scope is needed; what is added by name has its own."""
    _, lazy = both(mixed_config(original, 2))
    if scope == 'absent':
        lazy.pop('default_scope')
    else:
        lazy.default_scope = scope
    lazy.train_cfg.val_interval = 1
    text = mixed_config(original, 2)
    text.train_cfg.val_interval = 1
    expected, found = (final_state(tmp_path / name, data, config, original_share=.5)
                       for name, config in (('text', text), ('lazy', lazy)))
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_validation_without_a_visualizer_of_its_own(both, data, tmp_path):
    """MMagic's hook draws by MMagic's visualizer; mmengine's default one it cannot use."""
    config = ema_config(iterations=2, val_interval=1)
    config.pop('visualizer')
    for style, one in zip(('text', 'lazy'), both(config)):
        final_state(tmp_path / style, data, one)
        assert one.visualizer.fn_key == 'img_path'
        assert list((tmp_path / style).rglob('vis_image/*'))


def test_child_that_the_readme_shows(data, tmp_path, monkeypatch):
    """It is what the tool makes of the base."""
    text = (Path(__file__).parents[2] / 'configs/desra/README.md').read_text()
    (child,) = re.findall(r'```python\n(from mmengine.*?)```', text, re.DOTALL)
    own = ema_config(iterations=8000)
    own.default_hooks.checkpoint.interval = 5000  # as MMagic's are
    write_lazy(tmp_path / 'my_gan_sr_config.py', own)
    (tmp_path / 'child.py').write_text(child)
    for name, folder in (('photos', data.lq), ('photos_not_trained_on', data.heldout)):
        (tmp_path / name).symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    base = inherit_desra(
        read_config('my_gan_sr_config.py'), lq_dir='photos', gan_checkpoint='gan.pth',
        heldout_lq_dir='photos_not_trained_on', mse_checkpoint='mse.pth')
    base.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
    assert_same(base, read_config('child.py'))


# ---------------------------------------- our own types as classes


class OwnFinetuneHook(DeSRAFinetuneHook):
    """A hook of a user's own, with an argument more."""

    def __init__(self, greeting: str = 'hello', **kwargs) -> None:
        super().__init__(**kwargs)
        self.greeting = greeting


@pytest.mark.parametrize('kind', [DeSRAFinetuneHook, OwnFinetuneHook,
                                  'mmdesra.engine.DeSRAFinetuneHook', f'mmdesra.{HOOK}'])
def test_hook_is_recognised(kind, data):
    config = training_config(model_config(), hooks=[dict(type=kind, half=True)])
    inherit_desra(config, lq_dir=str(data.lq), mse_checkpoint=str(data.mse), gan_checkpoint='g')
    assert len(config.custom_hooks) == 2
    assert find_hook(config)['half'] and find_hook(config)['lq_dir'] == str(data.lq)
    assert config.train_cfg.max_iters == 5  # its own
    with pytest.raises(InputError, match=rf'{HOOK} takes .*lq_dir.*, got til$'):
        inherit_desra(config, til=3)


def test_arguments_of_a_derived_hook(data):
    hook = dict(type=OwnFinetuneHook, greeting='hi', lq_dir=str(data.lq), mse_checkpoint='m')
    config = training_config(model_config(), hooks=[hook])
    assert find_hook(inherit_desra(config))['greeting'] == 'hi'


def test_types_of_ours_as_classes_train(both, data, original, tmp_path):
    hook = dict(type=HOOK, detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE,
                mse_generator=dict(type='ToyGenerator'))
    config = mixed_config(original, 2)
    config.custom_hooks.append(hook)
    config.train_dataloader.dataset = dict(type='AwaitedPseudoGTs',
                                           dataset=config.train_dataloader.dataset)
    _, lazy = both(config)
    shared = copy.deepcopy(lazy)
    state = final_state(tmp_path / 'run', data, lazy, detector=None, gt_patch_size=None)
    assert float(state['generator.amplitude']) < .12
    assert bare(lazy.train_dataloader.dataset)['type'] == 'AwaitedPseudoGTs'
    assert bare(lazy.train_dataloader.dataset.dataset)['type'] == 'BasicImageDataset'
    final_state(tmp_path / 'shared', data, shared, detector=None, gt_patch_size=None,
                original_share=.5)
    assert bare(shared.train_dataloader.dataset)['type'] == 'BasicImageDataset'


# ---------------------------------------- single places


class OwnOptimWrapper(OptimWrapper):
    pass


Namesake = type('OptimWrapper', (OptimWrapper,), {})


@pytest.mark.parametrize('kind', [OptimWrapper, AmpOptimWrapper, 'mmengine.optim.OptimWrapper',
                                  'mmengine.OptimWrapper'])
def test_mixed_precision_of_wrappers_as_classes(kind):
    config = Config(dict(optim_wrapper=dict(type=kind, optimizer=dict(type='Adam'))))
    assert use_amp(config).optim_wrapper.type.endswith('AmpOptimWrapper')


@pytest.mark.parametrize('kind', [OwnOptimWrapper, Namesake])
def test_wrapper_of_ones_own_is_not_replaced(kind):
    with pytest.raises(InputError, match=f'got {kind.__name__}$'):
        use_amp(Config(dict(optim_wrapper=dict(type=kind, optimizer=dict(type='Adam')))))


@pytest.mark.parametrize('kind', ['Pretrained', PretrainedInit,
                                  'mmengine.model.weight_init.PretrainedInit'])
def test_weights_that_would_be_replaced_are_not_fetched(kind, caplog):
    model = torch.nn.Module()
    model.generator = torch.nn.Linear(1, 1)
    model.generator.init_cfg = dict(type=kind, checkpoint='far_away.pth')
    leave_out_pretrained(model, logging.getLogger('test'))
    assert model.generator.init_cfg is None


def test_wrapper_for_several_processes_stays_lazy(monkeypatch, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text('from mmengine.model import MMSeparateDistributedDataParallel\n'
                    'model_wrapper_cfg = dict(type=MMSeparateDistributedDataParallel)\n')
    config = read_config(str(path))
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, '0')
    monkeypatch.setattr('torch.distributed.init_process_group', lambda backend: None)
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    join_process_group(config, 'pytorch')
    assert config.model_wrapper_cfg.device_ids is None
    assert '<class' not in config.pretty_text


@pytest.mark.parametrize('launcher, name', [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'),
                                            ('mpi', 'OMPI_COMM_WORLD_LOCAL_RANK')])
def test_launcher_that_did_not_start_this_process(launcher, name, monkeypatch):
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=f'^--launcher {launcher}: .*{name}.*--nproc N'):
        join_process_group(Config(), launcher)


def test_hook_that_is_none_of_ours_is_left_alone(data):
    class OtherHook(Hook):
        pass

    config = training_config(model_config(), hooks=[dict(type=OtherHook)])
    assert find_hook(config) is None
