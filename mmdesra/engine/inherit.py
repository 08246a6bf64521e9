"""Inheriting the workflow into the config of a GAN-SR model."""
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config, ConfigDict

from ..errors import InputError
from ..files import list_images
from .original_data import check_original_data

HOOK = 'DeSRAFinetuneHook'
EMA_HOOK = 'ExponentialMovingAverageHook'
MAX_OLD_SHARE = .05
"""What may remain of the loaded weights in the EMA at the end, at most."""
MAX_MOMENTUM = .5
"""MMagic warns above it, and a handful of iterations need no average."""

DEFAULT_ITERS = 1000
"""Iterations of fine-tuning, as the paper has it, where the config is one of whole training."""

METRIC_OPTIONS = ('mse_checkpoint', 'mse_generator', 'detector', 'segmentor', 'tile', 'half')


def inherit_desra(config: Config, max_iters: int | None = None, **options: Any) -> Config:
    """Make a config fine-tune on pseudo GTs of its own making.

    A config that has the hook already (such as those in ``configs/desra``) gets the options;
    any other GAN-SR config gets the hook, training and validation data that exist, and
    :data:`DEFAULT_ITERS` iterations. Its losses, optimisers and hooks stay; with an
    ``original_share`` above 0 its training data, too.

    Args:
        config (Config): With ``model.generator``; changed in place.
        max_iters (int, optional): Iterations of fine-tuning.
        **options: Arguments of :class:`DeSRAFinetuneHook`; those that are None are left as
            they are.

    Returns:
        Config: ``config``.

    Raises:
        InputError: If the config has no ``model.generator`` or no ``train_dataloader``, if an
            image folder or checkpoint that fine-tuning needs is named nowhere, if a folder
            holds no image, or if original training data that are to be used do not exist.
    """
    check_training_config(config)
    is_whole_training = find_hook(config) is None
    hook = _find_or_add_hook(config)
    for name, value in options.items():
        if value is not None:
            hook[name] = value  # update() would merge a dict into the config's own
    _take_over_load_from(config, hook)
    for name in ('lq_dir', 'mse_checkpoint'):
        if not hook.get(name):
            raise InputError(f'{config.filename}: fine-tuning needs {name} '
                             f'(--{name.replace("_", "-")})')
    for name in ('lq_dir', 'heldout_lq_dir'):
        if hook.get(name):
            list_images(hook[name])  # MMagic's dataset does not say what is wrong with a folder
    _set_iterations(config, max_iters, is_whole_training)
    keep_ema_up(config)
    leave_out_pretrained(config)
    if hook.get('original_share'):
        check_original_data(config)
    else:
        _set_training_data(config, hook['lq_dir'])
    _set_validation(config, hook)
    # MMagic's configs collect checkpoints in ./work_dirs whatever the work_dir, and keep the
    # best by a PSNR that LR images without GT do not have.
    checkpoint = config.get('default_hooks', {}).get('checkpoint')
    if checkpoint is not None:
        checkpoint.update(out_dir=None, save_best=None)
    return config


def check_training_config(config: Config) -> None:
    """Refuse what is no training config of a GAN-SR model.

    Raises:
        InputError: If the config has no ``model.generator`` or no ``train_dataloader``.
    """
    if 'generator' not in (config.get('model') or {}) or 'train_dataloader' not in config:
        raise InputError(f'{config.filename}: expected the training config of a GAN-SR model, '
                         'with model.generator and train_dataloader')


def is_hook(hook: dict, name: str) -> bool:
    """Whether a hook of a config is of a type, with or without a scope before its name."""
    return hook['type'].rpartition('.')[2] == name


def find_hook(config: Config) -> ConfigDict | None:
    """Return the arguments of :class:`DeSRAFinetuneHook` in a config; None if it has none."""
    return next(_hooks_of_type(config, HOOK), None)


def _hooks_of_type(config: Config, name: str) -> Iterator[ConfigDict]:
    for hook in config.get('custom_hooks') or []:
        if is_hook(hook, name):
            yield hook


def _find_or_add_hook(config: Config) -> ConfigDict:
    if find_hook(config) is None:
        config.custom_hooks = [*(config.get('custom_hooks') or []), ConfigDict(type=HOOK)]
    return find_hook(config)


def _set_iterations(config: Config, max_iters: int | None, is_whole_training: bool) -> None:
    if max_iters is None and is_whole_training and 'max_iters' in config.train_cfg:
        max_iters = min(DEFAULT_ITERS, config.train_cfg.max_iters)
    if max_iters is not None:
        config.train_cfg.max_iters = max_iters


def keep_ema_up(config: Config) -> None:
    """Raise the momentum of a config's EMA until little of the loaded weights remains in it.

    The EMA is what is validated and used. With 0.001 it would still be to 37% what it was
    after 1,000 iterations, artifacts included.
    """
    for hook in _hooks_of_type(config, EMA_HOOK):
        updates = config.train_cfg.get('max_iters', 0) // max(hook.get('interval', -1), 1)
        if updates and hook.get('interp_mode', 'lerp') == 'lerp':
            needed = math.ceil(1e6 * (1 - MAX_OLD_SHARE**(1 / updates))) / 1e6
            settings = hook.get('interp_cfg') or {}
            momentum = max(settings.get('momentum', .001), min(needed, MAX_MOMENTUM))
            hook.interp_cfg = dict(settings, momentum=momentum)


def leave_out_pretrained(config: Config) -> None:
    """Fetch no weights for a generator that a hook fills."""
    for module in (config.model, config.model.generator):
        if (module.get('init_cfg') or {}).get('type') == 'Pretrained':
            module.init_cfg = None


def _take_over_load_from(config: Config, hook: ConfigDict) -> None:
    # With load_from, mmengine's resume goes on from that file instead of the latest checkpoint.
    start = config.get('load_from')
    if start:
        hook.setdefault('gan_checkpoint', start)
        config.load_from = None


def _set_training_data(config: Config, lq_dir: str) -> None:
    # The loop opens its data before any hook can act, and the pseudo GTs are not there yet: it
    # gets the LR images that they will be made from, until the hook swaps the pairs in.
    config.train_dataloader.dataset = _images(lq_dir)
    config.train_dataloader.pop('batch_sampler', None)


def _set_validation(config: Config, hook: ConfigDict) -> None:
    heldout = hook.get('heldout_lq_dir')
    loop = config.train_cfg
    end = loop.get('max_iters') or loop.get('max_epochs')
    # The hook measures on these images at the end; validation is for those who look in between.
    if not heldout or loop.get('val_interval', end) >= end:
        config.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
    else:
        metric = {name: hook[name] for name in METRIC_OPTIONS if hook.get(name) is not None}
        if hook.get('labels_dir'):
            metric['segmentor'] = dict(folder=hook['labels_dir'])
        config.val_cfg = dict(type='MultiValLoop')
        config.val_dataloader = dict(
            batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=_images(heldout))
        config.val_evaluator = dict(type='Evaluator',
                                    metrics=[dict(type='DeSRADetector', **metric)])
        if 'fn_key' in config.get('visualizer', {}):
            # MMagic's names its pictures by the GT, which LR images alone do not have.
            config.visualizer.update(fn_key='img_path', img_keys=['input', 'pred_img'])
    config.update(test_cfg=None, test_dataloader=None, test_evaluator=None)


def _images(folder: str) -> dict:
    pipeline = [dict(type='LoadImageFromFile', key='img', color_type='color',
                     channel_order='rgb'),
                dict(type='PackInputs')]
    return dict(type='BasicImageDataset', data_root=str(folder), data_prefix=dict(img=''),
                pipeline=pipeline)
