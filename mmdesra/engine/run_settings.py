"""Looking through the settings of a training config before a run is built from them.

What is wrong with a number or a part that is missing, the libraries find when they come to it,
which may be after the pseudo GTs are made, and they do not say where it stands.
"""
from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS, OPTIMIZERS
from mmengine.runner import Runner

from ..errors import InputError
from ..files.config_types import class_of, parts_of, type_name

DATALOADERS = 'train_dataloader', 'val_dataloader'
NEEDS_WORKERS = 'persistent_workers', 'prefetch_factor'
"""Settings of a dataloader that it takes only with workers."""


def check_run_settings(config: Config) -> None:
    """Refuse settings of a training config that no run can have.

    Raises:
        InputError: If there is one; it names the setting by its place in the config.
    """
    try:
        _check_dataloaders(config)
        _check_loop(config)
        _check_hooks(config)
        _check_optimizers(config)
        _check_losses(config)
    except _WrongSetting as error:
        raise InputError(f'{config.filename}: {error}') from None


class _WrongSetting(ValueError):
    """A setting, what was expected and what it is."""


def _check_dataloaders(config: Config) -> None:
    for name in DATALOADERS:
        loader = config.get(name)
        if loader is None and name != DATALOADERS[0]:
            continue
        _expect_dict(loader, name)
        if 'dataset' not in loader:
            raise _WrongSetting(f'{name}: expected a dataset in it, got {", ".join(loader)}')
        _expect_dict(loader.dataset, f'{name}.dataset')
        for part in ('sampler', 'batch_sampler', 'collate_fn'):
            if isinstance(loader.get(part), str):
                _expect_dict(loader[part], f'{name}.{part}')
        _expect_count(loader, name, 'batch_size', 1)
        _expect_count(loader, name, 'num_workers', 0)
        for setting in NEEDS_WORKERS:
            if loader.get(setting) and not loader.get('num_workers'):
                raise _WrongSetting(
                    f'{name}.{setting}={loader[setting]} needs workers, and {name}.num_workers is '
                    f'0; set that to 1 or more, or {name}.{setting} to '
                    f'{False if loader[setting] is True else None}')


def _check_loop(config: Config) -> None:
    _expect_dict(config.get('train_cfg'), 'train_cfg')
    for setting in ('max_iters', 'max_epochs', 'val_interval'):
        _expect_count(config.train_cfg, 'train_cfg', setting, 1)


def _check_hooks(config: Config) -> None:
    hooks = config.get('custom_hooks')
    if hooks is not None and not isinstance(hooks, (list, tuple)):
        raise _WrongSetting(f'custom_hooks: expected a list of dicts, got {hooks!r}')
    for number, hook in enumerate(hooks or ()):
        _expect_dict(hook, f'custom_hooks.{number}', 'type')
    defaults = config.get('default_hooks')
    if defaults is None:
        return
    _expect_dict(defaults, 'default_hooks')
    for name, hook in defaults.items():
        if hook is not None:
            _expect_dict(hook, f'default_hooks.{name}')
    if defaults.get('checkpoint'):
        _check_checkpoint_hook(defaults.checkpoint)


def _check_checkpoint_hook(hook: dict) -> None:
    _expect_count(hook, 'default_hooks.checkpoint', 'interval', None)
    if class_of(hook.get('type'), HOOKS) is not CheckpointHook:
        return
    _expect_count(hook, 'default_hooks.checkpoint', 'max_keep_ckpts', None)
    # It hands on what it does not know, and that is looked at when the first file is written.
    known = {'type', 'priority', '_scope_', *inspect.getfullargspec(CheckpointHook).args,
             *inspect.getfullargspec(Runner.save_checkpoint).args}
    unknown = [name for name in hook if name not in known]
    if unknown:
        raise _WrongSetting(f'default_hooks.checkpoint: CheckpointHook has no argument '
                            f'{", ".join(unknown)}')


def _check_optimizers(config: Config) -> None:
    _expect_dict(config.get('optim_wrapper'), 'optim_wrapper')
    for place, optimizer in _optimizers(config.optim_wrapper, 'optim_wrapper'):
        _expect_dict(optimizer, place, 'type')
        kind = optimizer['type']
        if not isinstance(kind, str) or kind in OPTIMIZERS.module_dict:
            continue
        # The libraries' own error is "None is not a callable object".
        with OPTIMIZERS.switch_scope_and_registry(config.get('default_scope')) as registry:
            if registry.get(kind) is None:
                raise _WrongSetting(f'{place}.type: no optimizer is called {type_name(kind)}')


def _check_losses(config: Config) -> None:
    for place, value in parts_of(config.get('model'), 'model'):
        if place.endswith('.loss_weight') and isinstance(value, str):
            raise _WrongSetting(f'{place}: expected a number, got {value!r}')


def _optimizers(wrapper: dict, place: str) -> Iterator[tuple[str, Any]]:
    if 'optimizer' in wrapper:
        yield f'{place}.optimizer', wrapper['optimizer']
        return
    for name, part in wrapper.items():
        if isinstance(part, dict) and 'optimizer' in part:
            yield f'{place}.{name}.optimizer', part['optimizer']


def _expect_dict(found: object, place: str, key: str | None = None) -> None:
    if not isinstance(found, dict):
        raise _WrongSetting(f'{place}: expected a dict, got {found!r}')
    if key is not None and key not in found:
        raise _WrongSetting(f'{place}: expected a {key} in it, got {dict(found)}')


def _expect_count(settings: dict, place: str, name: str, least: int | None) -> None:
    found = settings.get(name)
    is_count = isinstance(found, int) and not isinstance(found, bool)
    if found is None or (is_count and (least is None or found >= least)):
        return
    bound = '' if least is None else f' of at least {least}'
    raise _WrongSetting(f'{place}.{name}: expected a whole number{bound}, got {found!r}')
