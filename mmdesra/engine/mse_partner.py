"""An MSE-trained sibling for a GAN-SR model that was published without one."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config, ConfigDict
from torch import nn

from ..errors import InputError
from ..files import list_images, write_weights
from ..generators.wrappers import result_generator_of
from .inherit import HOOK, check_training_config, is_hook
from .original_data import check_original_data, original_datasets, take_back_original_data

DEFAULT_ITERS = 5000
PIXEL_LOSS = dict(type='L1Loss', loss_weight=1.0, reduction='mean')
"""For models without a pixel loss. In the field "MSE-trained" means "trained by a pixel loss
alone"; the siblings that were published (RealESRNet, MMagic's ``*_psnr``) were trained with L1."""
GT_PATCH_SIZE = 128
"""Side in px of the patches cut from photographs, where the config does not say."""
CHECKPOINTS = 5
"""Checkpoints to resume from in a run, at least."""


def inherit_mse_partner(config: Config, gan_checkpoint: str | Path, gt_dir: str | None = None,
                        max_iters: int = DEFAULT_ITERS, scale: int | None = None) -> Config:
    """Make the training config of a GAN-SR model train its generator's MSE-trained sibling.

    The same generator, started from the GAN-trained weights, is trained by the config's pixel
    loss alone. Generator, optimiser, EMA, data and their preparation stay the config's own.
    Changed are: no discriminator and no other loss; the pixel loss at weight 1; a constant
    learning rate; an EMA that forgets the GAN weights in time; no validation.

    Args:
        config (Config): With ``model.generator``; changed in place.
        gan_checkpoint (str | Path): Weights to start from.
        gt_dir (str, optional): Folder of photographs to train on, instead of the config's own
            data. Where the config makes LR images from GTs itself (as Real-ESRGAN's does), it
            makes them from these; where it reads pairs, LR patches are bicubic reductions.
        max_iters (int): Iterations of training.
        scale (int, optional): Of the bicubic reduction. Default: the config's.

    Returns:
        Config: ``config``.

    Raises:
        InputError: If this is no training config of a GAN-SR model, its training data are not
            there and ``gt_dir`` is not given, or ``gt_dir`` holds no image.
    """
    check_training_config(config)
    if max_iters < 1:
        raise InputError(f'expected at least 1 iteration, got {max_iters}')
    _leave_pixel_loss_alone(config.model)
    if 'generator' in config.optim_wrapper:
        config.optim_wrapper.pop('discriminator', None)
    take_back_original_data(config)
    if gt_dir:
        _set_photographs(config, str(gt_dir), scale)
    else:
        check_original_data(config, "the partner is trained on the config's own training data, "
                            'or on a folder of photographs (--gt-dir)')
    # A few thousand iterations are but the beginning of a schedule for hundreds of thousands.
    config.param_scheduler = None
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters,
                            val_interval=max_iters)
    _set_hooks(config, gan_checkpoint, max_iters)
    for stage in ('val', 'test'):
        config.update({f'{stage}_{part}': None for part in ('cfg', 'dataloader', 'evaluator')})
    return config


def write_partner(model: nn.Module, path: str | Path) -> None:
    """Write the generator of a trained model in BasicSR's layout, atomically: the EMA if any."""
    state = {name: value.cpu() for name, value in result_generator_of(model).state_dict().items()}
    write_weights(path, dict(params_ema=state))


def _leave_pixel_loss_alone(model: ConfigDict) -> None:
    for name in [name for name in model if name.endswith('_loss') or name == 'discriminator']:
        if name != 'pixel_loss':
            model[name] = None  # not left out: LDL would take its default
    # Its weight was one among other losses; alone, and with Adam, it changes next to nothing.
    model.pixel_loss = dict(model.get('pixel_loss') or PIXEL_LOSS, loss_weight=1.0)


def _set_hooks(config: Config, gan_checkpoint: str | Path, max_iters: int) -> None:
    config.load_from = None
    others = [hook for hook in config.get('custom_hooks') or [] if not is_hook(hook, HOOK)]
    config.custom_hooks = [*others, dict(type='StartGeneratorHook',
                                         checkpoint=str(gan_checkpoint))]
    checkpoint = config.get('default_hooks', {}).get('checkpoint')
    if checkpoint is not None:
        interval = min(checkpoint.get('interval', max_iters), max(max_iters // CHECKPOINTS, 1))
        checkpoint.update(out_dir=None, save_best=None, interval=interval, by_epoch=False)


def _set_photographs(config: Config, gt_dir: str, scale: int | None) -> None:
    pipeline = list(original_datasets(config)[0].get('pipeline') or [])
    if not pipeline or any(_loads(step, 'img') for step in pipeline):
        patch = next((step['gt_patch_size'] for step in pipeline
                      if 'gt_patch_size' in step), GT_PATCH_SIZE)
        pipeline = _bicubic_pipeline(patch, scale or _scale_of(config))
    list_images(gt_dir)  # an error now is better than one after the model is built
    config.train_dataloader.dataset = dict(
        type='ReadableImages', data_root=gt_dir, image_key='gt',
        min_size=max(_crops(pipeline), default=1), pipeline=pipeline)
    config.train_dataloader.pop('batch_sampler', None)


def _bicubic_pipeline(patch: int, scale: int) -> list[dict]:
    images = ['img', 'gt']
    return [
        dict(type='LoadLRImage', key='gt'),
        dict(type='Crop', keys=['gt'], crop_size=(patch, patch), random_crop=True),
        # Not at random: it draws the scale from an interval, here of one number.
        dict(type='RandomDownSampling', scale_min=scale, scale_max=scale,
             interpolation='bicubic', backend='pillow'),
        dict(type='Flip', keys=images, flip_ratio=0.5, direction='horizontal'),
        dict(type='Flip', keys=images, flip_ratio=0.5, direction='vertical'),
        dict(type='RandomTransposeHW', keys=images, transpose_ratio=0.5),
        dict(type='CopyValues', src_keys=['gt'], dst_keys=['gt_unsharp']),  # RealESRGAN reads it
        dict(type='PackInputs'),
    ]


def _crops(pipeline: list[dict]) -> Iterator[int]:
    for step in pipeline:
        yield from step.get('crop_size', ()) if step['type'] == 'Crop' else ()


def _loads(step: dict, key: str) -> bool:
    return step['type'].startswith('LoadImageFrom') and step.get('key') == key


def _scale_of(config: Config) -> int:
    generator = config.model.generator
    for scale in (config.get('scale'), generator.get('upscale_factor'), generator.get('upscale')):
        if scale:
            return scale
    raise InputError(f'{config.filename}: does not say by what factor its generator upscales; '
                     'give it (--scale)')
