"""Inheriting the workflow into the config of a GAN-SR model."""
from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Mapping
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import HOOKS

from ..errors import InputError
from ..files import image_name
from ..files.config_types import class_of, is_a, make_lazy, with_settings
from ..files.configs import is_lazy, read_config
from ..files.listing import ImageInputs, Listing
from ..generators import refuse_unfit_type
from ..generators.reference import HOW_TO_GET_ONE, refuse_both
from ..segmentors.build import label_folder
from .finetune_hook import DeSRAFinetuneHook
from .hook_paths import list_images_of
from .hook_settings import IMAGES, PATHS, check_hook_settings
from .original_data import (
    check_original_data,
    set_aside_original_data,
    take_back_original_data,
)
from .run_settings import check_run_settings

HOOK = DeSRAFinetuneHook.__name__
FRAGMENT = 'mmdesra::_base_/desra_finetune.py'
"""What fine-tuning changes in a config, in one place for this module and for configs that inherit
it: ``desra_X`` there is for X."""

METRIC_OPTIONS = ('mse_checkpoint', 'mse_generator', 'reference', 'detector', 'segmentor',
                  'tile', 'half', 'perceptual')


def inherit_desra(config: Config, max_iters: int | None = None,
                  without: Collection[str] = (), **options: Any) -> Config:
    """Make a config fine-tune on pseudo GTs of its own making.

    A config that has the hook already (such as those in ``configs/desra``) gets the options;
    any other GAN-SR config gets what :data:`FRAGMENT` has: the hook, a place for the pseudo GTs,
    1,000 iterations. Its losses, optimisers and hooks stay; with an ``original_share`` above 0
    its training data, too.

    Args:
        config (Config): With ``model.generator``; changed in place.
        max_iters (int, optional): Iterations of fine-tuning.
        without (Collection[str]): Arguments of the hook that are to be None, whatever the config
            says.
        **options: Arguments of :class:`DeSRAFinetuneHook`; those that are None are left as
            they are.

    Returns:
        Config: ``config``.

    Raises:
        InputError: If the config has no ``model.generator`` or no ``train_dataloader``, if an
            image folder or checkpoint that fine-tuning needs is named nowhere, if a folder
            holds no image, if original training data that are to be used do not exist, or if
            ``max_iters`` is below 1 or the training loop counts epochs, or if the hook has no
            argument of a name.
    """
    check_training_config(config)
    fragment = read_config(FRAGMENT)
    usual_iters = None
    if find_hook(config) is None or is_lazy(config):
        _add_imports(config, fragment)
    if find_hook(config) is None:
        config.custom_hooks = [*(config.get('custom_hooks') or []), *fragment.desra_hooks]
        usual_iters = fragment.desra_train_cfg.max_iters
    hook = find_hook(config)
    assert hook is not None  # it was there, or the fragment has it
    _take_one_reference(hook, options)
    for name, value in options.items():
        if value is not None:
            hook[name] = value  # update() would merge a dict into the config's own
    hook.update(dict.fromkeys(without))
    for name in PATHS:
        if isinstance(hook.get(name), int):  # a folder called 2024, on a command line
            hook[name] = str(hook[name])
    if not (hook.get('mse_checkpoint') or hook.get('reference')):
        raise InputError(f'{config.filename}: fine-tuning needs mse_checkpoint '
                         f'(--mse-checkpoint); {HOW_TO_GET_ONE}')
    _check_arguments(hook)
    _take_over_load_from(config, hook)
    if not hook.get('lq_dir'):
        raise InputError(f'{config.filename}: fine-tuning needs lq_dir (--lq-dir)')
    # MMagic's dataset gives no useful error for a missing folder.
    listings = {name: list_images_of(hook, name, config.filename)
                for name in IMAGES if hook.get(name)}
    _set_iterations(config, max_iters, usual_iters)
    _set_checkpoints(config, fragment.desra_default_hooks.checkpoint)
    if hook.get('original_share'):
        take_back_original_data(config)
        check_original_data(
            config, 'original_share needs the original training data of '
            f'{config.filename}. Say where they are, e.g. --cfg-options '
            'train_dataloader.dataset.data_root=DIR, or leave original_share out')
    else:
        set_aside_original_data(config)
    _set_validation(config, hook, listings.get('heldout_lq_dir'))
    make_lazy(config)
    return config


def check_training_config(config: Config) -> None:
    """Refuse a config that is not a training config of a GAN-SR model, or has impossible settings.

    Raises:
        InputError: If the config has no ``model.generator`` or no ``train_dataloader``, if its
            generator is known to need more than an image, or see :func:`check_run_settings`.
    """
    model = config.get('model')
    if not isinstance(model, dict) or 'generator' not in model or (
            'train_dataloader' not in config):
        raise InputError(f'{config.filename}: expected the training config of a GAN-SR model, '
                         'with model.generator and train_dataloader')
    if not isinstance(config.model.generator, dict) or 'type' not in config.model.generator:
        raise InputError(f'{config.filename}: expected model.generator to be a dict with a type, '
                         f'got {config.model.generator!r}')
    check_run_settings(config)
    refuse_unfit_type(config.model.generator)  # before it is built, which may fetch weights


def is_hook(hook: dict, name: str) -> bool:
    """Whether a hook of a config is of the class of a name, or of one derived from it."""
    return is_a(hook, name, HOOKS)


def find_hook(config: Config) -> ConfigDict | None:
    """Return the arguments of :class:`DeSRAFinetuneHook` in a config; None if it has none."""
    return next((hook for hook in config.get('custom_hooks') or [] if is_hook(hook, HOOK)), None)


def _take_one_reference(hook: ConfigDict, options: Mapping[str, Any]) -> None:
    """Let the reference that is given stand in for the one that the config names."""
    sibling, reference = (options.get(name) for name in ('mse_checkpoint', 'reference'))
    refuse_both(sibling, reference)
    left_out = ('reference',) if sibling else ('mse_checkpoint', 'mse_generator')
    for name in left_out if sibling or reference else ():
        hook.pop(name, None)


def _check_arguments(hook: ConfigDict) -> None:
    own = class_of(hook['type'], HOOKS) or DeSRAFinetuneHook  # it may be derived from that
    parameters = inspect.signature(own).parameters
    usual = inspect.signature(DeSRAFinetuneHook).parameters
    hands_on = [name for name, one in parameters.items() if one.kind is one.VAR_KEYWORD]
    known = [name for name in dict.fromkeys([*parameters, *(usual if hands_on else ())])
             if name not in hands_on]
    unknown = [name for name in hook if name not in (*known, 'type', 'priority', '_scope_')]
    if unknown:
        raise InputError(f'{HOOK} takes {", ".join(known)}, got {", ".join(unknown)}')
    defaults = {name: None if parameter.default is parameter.empty else parameter.default
                for name, parameter in usual.items()}
    check_hook_settings({**defaults, **hook})


def _add_imports(config: Config, fragment: Config) -> None:
    """Add our package to ``custom_imports``, for whoever reads the config that the run writes."""
    imports = config.get('custom_imports') or with_settings(
        fragment.desra_custom_imports, imports=[])
    names = imports.get('imports') or []
    names = [names] if isinstance(names, str) else names
    ours = [name for name in fragment.desra_custom_imports.imports if name not in names]
    config.custom_imports = with_settings(imports, imports=[*names, *ours])


def _set_iterations(config: Config, max_iters: int | None, usual: int | None) -> None:
    loop = config.train_cfg
    if max_iters is None and usual is not None and 'max_iters' in loop:
        max_iters = min(usual, loop.max_iters)
    if max_iters is None:
        return
    if max_iters < 1:
        raise InputError(f'expected at least 1 iteration, got {max_iters}')
    if 'max_epochs' in loop:
        raise InputError(f'{config.filename}: its training loop counts epochs, of which there are '
                         f'{loop.max_epochs}; set train_cfg.max_epochs (--cfg-options) instead of '
                         'the number of iterations')
    loop.max_iters = max_iters


def _set_checkpoints(config: Config, settings: ConfigDict) -> None:
    checkpoint = (config.get('default_hooks') or {}).get('checkpoint')
    if checkpoint is not None:
        # The interval must be shorter than the run, or no checkpoint is saved before the end.
        is_longer = checkpoint.get('interval', 0) > config.train_cfg.get('max_iters', math.inf)
        interval = settings.interval if is_longer else checkpoint.get('interval', 1)
        checkpoint.update(settings, interval=interval)


def _take_over_load_from(config: Config, hook: ConfigDict) -> None:
    # With load_from, mmengine's resume goes on from that file instead of the latest checkpoint.
    start = config.get('load_from')
    if start:
        hook.gan_checkpoint = hook.get('gan_checkpoint') or start
        config.load_from = None


def _set_validation(config: Config, hook: ConfigDict, heldout: Listing | None) -> None:
    loop = config.train_cfg
    end = loop.get('max_iters') or loop.get('max_epochs')
    # The hook measures on these images at the end; validation is for those who look in between.
    if heldout is None or loop.get('val_interval', end) >= end:
        config.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
    else:
        metric = {name: hook[name] for name in METRIC_OPTIONS if hook.get(name) is not None}
        if hook.get('labels_dir'):
            metric['segmentor'] = label_folder(hook['labels_dir'], hook.get('label_offset'))
        if hook.get('reference') and hook.get('gan_checkpoint'):
            metric['gan_checkpoint'] = hook['gan_checkpoint']  # it will be fine-tuned by then
        if hook.get('heldout_gt_dir'):
            metric['gt_dir'] = hook['heldout_gt_dir']
        if any('/' in image_name(path) for path in heldout.paths):
            metric['img_dir'] = str(heldout.root)
        # With the scope: a config whose own types are classes may have another default one.
        config.val_cfg = dict(type='mmagic.MultiValLoop')
        config.val_dataloader = dict(
            batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=_images(hook.heldout_lq_dir, hook.get('recursive', False)))
        config.val_evaluator = dict(
            type='mmagic.Evaluator',
            metrics=[dict(type='DeSRADetector', skip_unusable=True, **metric)])
        if 'fn_key' in config.get('visualizer', {}):
            # MMagic's hook names its pictures after the GT file; LR images alone have none.
            config.visualizer.update(fn_key='img_path', img_keys=['input', 'pred_img'])
        elif not config.get('visualizer'):
            # MMagic's hook that draws them cannot do so with mmengine's default visualizer.
            config.visualizer = dict(
                type='mmagic.ConcatImageVisualizer', vis_backends=[dict(type='LocalVisBackend')],
                fn_key='img_path', img_keys=['input', 'pred_img'], bgr2rgb=True)


def _images(images: ImageInputs, recursive: bool) -> dict:
    return dict(type='ReadableImages', data_root=images, recursive=recursive,
                pipeline=[dict(type='LoadLRImage'), dict(type='mmagic.PackInputs')])
