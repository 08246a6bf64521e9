"""A fault of a config is one line that names the setting; others keep their traceback."""
from __future__ import annotations

import re
import sys

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, MODELS
from mmengine.runner import Runner
from toy_training import COUNTER, DETECTOR, GT_PATCH_SIZE, model_config, training_config
from toys import ToyGenerator

from mmdesra.engine.config_faults import config_faults
from mmdesra.engine.inherit import HOOK, check_training_config, inherit_desra
from mmdesra.errors import InputError
from mmdesra.files.configs import merge_options


@pytest.fixture
def train(data, tmp_path):
    """Return a function that trains with other settings, as the tool does."""
    def run(**options):
        hook = dict(type=HOOK, lq_dir=str(data.lq), mse_checkpoint=str(data.mse),
                    gan_checkpoint=str(data.gan), detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE)
        config = training_config(model_config(), iterations=1, hooks=[hook])
        object.__setattr__(config, '_filename', 'toy.py')
        merge_options(config, {name.replace('__', '.'): value for name, value in options.items()})
        inherit_desra(config)
        config.work_dir = str(tmp_path)
        config.experiment_name = f'faults-{next(COUNTER)}'
        with config_faults(config):
            Runner.from_cfg(config).train()

    return run


FAULTS = {
    'unknown model': (
        dict(model__type='SRGUN'), ('model: no model is called SRGUN in the scope mmagic; did you '
        'mean SRGAN?')),
    'unknown part': (
        dict(model__pixel_loss__type='Nope'), ('model.pixel_loss: no model is called Nope in the '
        'scope mmagic; if it is of your own, name its module in custom_imports')),
    'unknown hook': (dict(custom_hooks__0__type='Nope'), 'custom_hooks.0: no hook is called Nope'),
    'unknown constructor': (
        dict(optim_wrapper__constructor='Nope'),
        ('optim_wrapper.constructor: no optimizer wrapper '
        'constructor is called Nope')),
    'unknown backend': (
        dict(visualizer__vis_backends__0__type='Nope'), 'visualizer.vis_backends.0: no '),
    'unknown loop': (dict(train_cfg__type='Nope'), 'train_cfg: no loop is called Nope'),
    'unknown sampler': (
        dict(train_dataloader__sampler__type='Nope'), 'train_dataloader.sampler: no data sampler'),
    'argument of a model': (
        dict(model__foo=1), ("model: TypeError: {SRGAN}__init__() got an unexpected keyword "
        "argument 'foo'")),
    'argument of a generator': (dict(model__generator__foo=1), 'model.generator: TypeError: '),
    'argument of a loss': (dict(model__gan_loss__foo=1), 'model.gan_loss: TypeError: '),
    'argument of a base class': (dict(visualizer__foo=1), 'visualizer: TypeError: '),
    'argument of a dataloader': (
        dict(train_dataloader__foo=1), 'train_dataloader: TypeError: {DataLoader}__init__() got '),
    'one optimiser of two': (
        dict(optim_wrapper__generator__optimizer__lr='abc'),
        'optim_wrapper.generator.optimizer: TypeError: '),
    'value that a loss refuses': (
        dict(model__pixel_loss__reduction='nope'), 'model.pixel_loss: ValueError: Unsupported '),
    'unknown priority': (
        dict(custom_hooks__0__priority='NOPE'), "custom_hooks.0.priority: KeyError: 'NOPE'"),
    'unknown level': (dict(log_level='NOPE'), "log_level: KeyError: 'NOPE'"),
    'seed': (dict(randomness__seed='abc'), 'randomness: TypeError: '),
    'no mapping': (dict(randomness='abc'), 'no run can be built from it (TypeError: '),
    'start method': (dict(env_cfg__mp_cfg__mp_start_method='nope'), 'env_cfg: ValueError: '),
}


@pytest.mark.parametrize('options, message', FAULTS.values(), ids=FAULTS)
def test_fault_of_a_config(options, message, train):
    # Python names the class from 3.10 on.
    wanted = re.sub(r'\\{(\w+)\\}', r'(\1\.)?', re.escape(f'toy.py: {message}'))
    with pytest.raises(InputError, match=f'^{wanted}') as error:
        train(**options)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('backend, package', [('Tensorboard', 'tensorboard'), ('Wandb', 'wandb')])
def test_visualizer_whose_package_is_not_installed(backend, package, train, monkeypatch, tmp_path):
    for module in ('torch.utils.tensorboard', 'wandb'):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf'^toy.py: visualizer.vis_backends.0: .*pip install '
                                         rf'.*{package}'):
        train(visualizer__vis_backends__0__type=f'{backend}VisBackend')
    assert not (tmp_path / 'pseudo_gt').exists()  # it is said before the work begins


def test_checkpoint_of_another_config(train):
    train(default_hooks__checkpoint__interval=1)
    with pytest.raises(InputError, match='toy.py: the checkpoint to go on from does not fit: '):
        train(resume=True, model__discriminator=None, optim_wrapper=dict(
            _delete_=True, type='OptimWrapper', optimizer=dict(type='Adam', lr=.1)))


WRONG_SETTINGS = {
    'workers': (dict(train_dataloader__persistent_workers=True),
                ('train_dataloader.persistent_workers=True needs workers, and '
                'train_dataloader.num_workers is 0; set that to 1 or more')),
    'prefetching': (dict(train_dataloader__prefetch_factor=2),
                    'train_dataloader.prefetch_factor=2 needs workers'),
    'no number': (dict(train_dataloader__batch_size='abc'),
                  ('train_dataloader.batch_size: expected '
                  "a whole number of at least 1, got 'abc'")),
    'negative': (dict(train_dataloader__batch_size=-1), 'train_dataloader.batch_size: expected '),
    'true': (dict(train_dataloader__batch_size=True), 'train_dataloader.batch_size: expected '),
    'number of workers': (dict(train_dataloader__num_workers=-1), 'train_dataloader.num_workers'),
    'sampler': (dict(train_dataloader__sampler='abc'),
                'train_dataloader.sampler: expected a dict'),
    'dataloader': (dict(train_dataloader=None), 'train_dataloader: expected a dict, got None'),
    'dataset': (dict(train_dataloader__dataset='abc'),
                'train_dataloader.dataset: expected a dict'),
    'iterations': (dict(train_cfg__max_iters='abc'), 'train_cfg.max_iters: expected a whole'),
    'half': (dict(train_cfg__max_iters=1.5), 'train_cfg.max_iters: expected a whole'),
    'interval': (dict(train_cfg__val_interval='abc'), 'train_cfg.val_interval: expected a whole'),
    'loop': (dict(train_cfg='abc'), "train_cfg: expected a dict, got 'abc'"),
    'hooks': (dict(custom_hooks='abc'), "custom_hooks: expected a list of dicts, got 'abc'"),
    'no type': (dict(custom_hooks=[dict(n=1)]), 'custom_hooks.0: expected a type in it'),
    'default hooks': (dict(default_hooks='abc'), 'default_hooks: expected a dict'),
    'default hook': (dict(default_hooks__logger='abc'), 'default_hooks.logger: expected a dict'),
    'checkpoints': (dict(default_hooks__checkpoint__interval='abc'),
                    'default_hooks.checkpoint.interval: expected a whole number'),
    'checkpoints to keep': (dict(default_hooks__checkpoint__max_keep_ckpts='abc'),
                            'default_hooks.checkpoint.max_keep_ckpts: expected a whole number'),
    'checkpoint hook': (dict(default_hooks__checkpoint__foo=1),
                        'default_hooks.checkpoint: CheckpointHook has no argument foo'),
    'optimiser': (dict(optim_wrapper__generator__optimizer__type='Nope'),
                  'optim_wrapper.generator.optimizer.type: no optimizer is called Nope'),
    'loss': (dict(model__pixel_loss__loss_weight='abc'),
             "model.pixel_loss.loss_weight: expected a number, got 'abc'"),
    'no optimisers': (dict(optim_wrapper=None), 'optim_wrapper: expected a dict, got None'),
    'no model': (dict(model__generator='abc'),
                 'expected model.generator to be a dict with a type'),
    'model': (dict(model='abc'), 'expected the training config of a GAN-SR model'),
}


@pytest.mark.parametrize('options, message', WRONG_SETTINGS.values(), ids=WRONG_SETTINGS)
def test_wrong_setting(options, message):
    config = training_config(model_config())
    object.__setattr__(config, '_filename', 'toy.py')
    merge_options(config, {name.replace('__', '.'): value for name, value in options.items()})
    with pytest.raises(InputError, match='^' + re.escape(f'toy.py: {message}')):
        check_training_config(config)


@pytest.mark.parametrize('settings', [
    dict(default_hooks=None), dict(default_hooks__logger=None), dict(custom_hooks=None),
    dict(train_dataloader__num_workers=2, train_dataloader__persistent_workers=True),
    dict(default_hooks__checkpoint__save_optimizer=False), dict(val_dataloader=None),
    dict(default_hooks__checkpoint__interval=-1), dict(train_cfg__max_iters=None)])
def test_right_settings(settings):
    config = training_config(model_config())
    merge_options(config, {name.replace('__', '.'): value for name, value in settings.items()})
    check_training_config(config)


@pytest.mark.parametrize('name, value, what', [
    ('gt_patch_size', 'abc', 'to be a whole number of at least 1'),
    ('gt_patch_size', 0, 'to be a'),
    ('rounds', 'abc', 'to be a whole'), ('rounds', 0, 'to be a'), ('tile', -1, 'to be a'),
    ('tile', True, 'to be a'), ('watch_interval', 'x', 'to be a'),
    ('mask_prob', 7, r'in \[0, 1\]'),
    ('wanted_removal', 'x', r'in \[0, 1\]'), ('original_share', 1, r'in \[0, 1\)'),
    ('original_share', 'x', r'in \[0, 1\)'), ('half', 'x', 'to be True or False'),
    ('flips', 1, 'to be True or False'), ('pipeline', 'abc', 'to be a list of transforms'),
    ('pipeline', ['abc'], 'to be a list of transforms'), ('stop', 'now', 'to be one of'),
    ('lq_dir', [3], 'to be a path or several'), ('mse_checkpoint', ['a'], 'to be a path')])
def test_wrong_argument_of_the_hook(name, value, what, data):
    options = dict(lq_dir=str(data.lq), mse_checkpoint=str(data.mse), gan_checkpoint='gan.pth')
    message = rf'^{HOOK}: expected {name} {what}.*, got {re.escape(repr(value))}$'
    with pytest.raises(InputError, match=message):
        inherit_desra(training_config(model_config()), **{**options, name: value})
    with pytest.raises(InputError, match=message):
        HOOKS.build(dict(type=HOOK, **{**options, name: value}))


def test_folder_with_a_number_for_a_name(data, monkeypatch):
    """On a command line it is read as a number."""
    monkeypatch.chdir(data.lq.parent)
    data.lq.with_name('2024').symlink_to(data.lq)
    config = inherit_desra(training_config(model_config()), lq_dir=2024, mse_checkpoint='m',
                           gan_checkpoint='g')
    assert config.custom_hooks[-1]['lq_dir'] == '2024'


# ---------------------------------------- faults of somebody's code


@HOOKS.register_module(force=True)
class HookThatFails(Hook):

    def __init__(self, when: str) -> None:
        self.when = when
        self._fail('init')

    def before_train(self, runner: Runner) -> None:
        self._fail('train')

    def _fail(self, when: str) -> None:
        if when == self.when:
            raise ValueError(f'a bug, found at {when}')


@MODELS.register_module(force=True)
class GeneratorThatBuilds(ToyGenerator):

    def __init__(self, kind: str = 'NameInTheCode') -> None:
        super().__init__()
        MODELS.build(dict(type=kind))


@pytest.mark.parametrize('when', ['init', 'train'])
def test_fault_of_a_users_hook_is_no_fault_of_the_config(when, train):
    with pytest.raises(ValueError, match=f'a bug, found at {when}') as error:
        train(default_hooks__mine=dict(type='HookThatFails', when=when))
    assert not isinstance(error.value, InputError)


def test_name_that_a_users_code_has_is_no_fault_of_the_config(train):
    with pytest.raises(KeyError, match='NameInTheCode'):
        train(model__generator=dict(type='GeneratorThatBuilds'))


def test_name_that_a_users_code_takes_from_the_config_is(train):
    with pytest.raises(InputError, match='model.generator.kind: no model is called FromConfig'):
        train(model__generator=dict(type='GeneratorThatBuilds', kind='FromConfig'))


def test_other_errors_pass():
    with pytest.raises(RuntimeError), config_faults(Config()):
        raise RuntimeError
    with pytest.raises(ValueError, match='^training$'), config_faults(Config()):
        raise ValueError('training')
