"""Inheriting the workflow into the config of a GAN-SR model."""
from __future__ import annotations

from typing import Any

from mmengine.config import Config, ConfigDict

from ..errors import InputError

HOOK = 'DeSRAFinetuneHook'
METRIC_OPTIONS = ('mse_checkpoint', 'mse_generator', 'detector', 'tile')


def inherit_desra(config: Config, **options: Any) -> Config:
    """Make a config fine-tune on pseudo GTs of its own making.

    A config that has the hook already (such as those in ``configs/desra``) gets the options;
    any other GAN-SR config gets the hook, and training and validation data that exist.

    Args:
        config (Config): With ``model.generator``; changed in place.
        **options: Arguments of :class:`DeSRAFinetuneHook`; those that are None are left as
            they are.

    Returns:
        Config: ``config``.

    Raises:
        InputError: If the config has no ``model.generator``, or an image folder or checkpoint
            that fine-tuning needs is named nowhere.
    """
    if 'generator' not in config.get('model', {}):
        raise InputError(f'{config.filename}: expected the config of a GAN-SR model, with '
                         'model.generator')
    hook = _find_or_add_hook(config)
    hook.update({name: value for name, value in options.items() if value is not None})
    for name in ('lq_dir', 'mse_checkpoint'):
        if not hook.get(name):
            raise InputError(f'{config.filename}: fine-tuning needs {name} '
                             f'(--{name.replace("_", "-")})')
    _set_training_data(config, hook['lq_dir'])
    _set_validation(config, hook)
    # MMagic's configs collect checkpoints in ./work_dirs whatever the work_dir, and keep the
    # best by a PSNR that LR images without GT do not have.
    config.default_hooks.checkpoint.update(out_dir=None, save_best=None)
    return config


def _find_or_add_hook(config: Config) -> ConfigDict:
    hooks = config.setdefault('custom_hooks', [])
    for hook in hooks:
        if hook['type'] == HOOK:
            return hook
    hooks.append(ConfigDict(type=HOOK))
    return hooks[-1]


def _set_training_data(config: Config, lq_dir: str) -> None:
    # The loop opens its data before any hook can act, and the pseudo GTs are not there yet: it
    # gets the LR images that they will be made from, until the hook swaps the pairs in.
    config.train_dataloader.dataset = _images(lq_dir)
    config.train_dataloader.pop('batch_sampler', None)


def _set_validation(config: Config, hook: ConfigDict) -> None:
    heldout = hook.get('heldout_lq_dir')
    if not heldout:
        config.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
    else:
        metric = {name: hook[name] for name in METRIC_OPTIONS if hook.get(name) is not None}
        config.val_cfg = dict(type='MultiValLoop')
        config.val_dataloader = dict(
            batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=_images(heldout))
        config.val_evaluator = dict(type='Evaluator',
                                    metrics=[dict(type='DeSRADetector', **metric)])
    config.update(test_cfg=None, test_dataloader=None, test_evaluator=None)


def _images(folder: str) -> dict:
    pipeline = [dict(type='LoadImageFromFile', key='img', color_type='color',
                     channel_order='rgb'),
                dict(type='PackInputs')]
    return dict(type='BasicImageDataset', data_root=str(folder), data_prefix=dict(img=''),
                pipeline=pipeline)
