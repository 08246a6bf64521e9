"""An MSE-trained sibling for a GAN-SR model that was published without one: the config."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS

from ..datasets.partner_pipeline import patch_pipeline
from ..errors import InputError
from ..files import collect_images
from ..files.config_types import is_a, make_lazy, with_settings
from ..files.listing import ImageInputs
from ..generators.build import SPANDREL, build_generator
from ..generators.image_sizes import image_sizes_of
from .inherit import HOOK, check_training_config, is_hook
from .original_data import check_original_data, original_datasets, take_back_original_data

DEFAULT_ITERS = 5000
PIXEL_LOSS = dict(type='mmagic.L1Loss', loss_weight=1.0, reduction='mean')
"""For models without a pixel loss. In the field "MSE-trained" means "trained by a pixel loss
alone"; the siblings that were published (RealESRNet, MMagic's ``*_psnr``) were trained with L1."""
CHECKPOINTS = 5
"""Checkpoints to resume from in a run, at least."""
KEPT_CHECKPOINTS = 2
"""Checkpoints that stay, where the config does not say; each is four times the weights."""
TILES = 'tiles'
"""Folder in the work dir."""


def inherit_mse_partner(config: Config, gan_checkpoint: str | Path,
                        photographs: ImageInputs | None = None, max_iters: int = DEFAULT_ITERS,
                        scale: int | None = None, recursive: bool = False,
                        patch_size: int | None = None, degradation: str | None = None,
                        heldout_share: float = 0, seed: int = 0) -> Config:
    """Make the training config of a GAN-SR model train its generator's MSE-trained sibling.

    The same generator, started from the GAN-trained weights, is trained by the config's pixel
    loss alone. Generator, optimiser, EMA, data and their preparation stay the config's own.
    Changed are: no discriminator and no other loss; the pixel loss at weight 1; a constant
    learning rate; an EMA that follows the weights; no validation.

    Args:
        config (Config): With ``model.generator``; changed in place. Photographs are cut into
            tiles below its ``work_dir``.
        gan_checkpoint (str | Path): Weights to start from. A spandrel generator that names no
            checkpoint is recognised by them.
        photographs (str | Path | Sequence, optional): To train on, instead of the config's own
            data: a folder, a pattern, or several. They are the ground truths; how LR images are
            made of them: see :func:`mmdesra.datasets.partner_pipeline.patch_pipeline`.
        max_iters (int): Iterations of training, at most.
        scale (int, optional): By what the generator enlarges. Default: what the config says, else
            the generator is tried.
        recursive (bool): Whether to read the sub-folders of ``photographs``, too.
        patch_size (int, optional): Side of the GT patches in px. Default: the config's.
        degradation (str, optional): 'bicubic' or 'realesrgan'. Default: by the kind of model.
        heldout_share (float): Share of the photographs that is not trained on.
        seed (int): Of what is random in the data.

    Returns:
        Config: ``config``.

    Raises:
        InputError: If this is no training config of a GAN-SR model, its training data are not
            there and no photographs are given, these hold no image, or a number is out of range.
    """
    check_training_config(config)
    if max_iters < 1:
        raise InputError(f'expected at least 1 iteration, got {max_iters}')
    if not 0 <= heldout_share < 1:
        raise InputError(f'expected a held-out share in [0, 1), got {heldout_share}')
    if is_a(config.model.generator, SPANDREL, MODELS):
        config.model.generator.setdefault('checkpoint', str(gan_checkpoint))
    _leave_pixel_loss_alone(config.model)
    if 'generator' in config.optim_wrapper:
        config.optim_wrapper.pop('discriminator', None)
    take_back_original_data(config)
    if photographs:
        own = list(original_datasets(config)[0].get('pipeline') or [])
        made = patch_pipeline(own, scale or _scale_of(config), patch_size, degradation)
        collect_images(photographs, recursive)  # an error now is better than one later
        _set_photographs(config, dict(
            type='PhotographPatches', data_root=_as_text(photographs), pipeline=made.steps,
            tiles_dir=str(Path(config.get('work_dir') or 'work_dirs/mse_partner', TILES)),
            least=made.patch_size, wanted=made.wanted, recursive=recursive, seed=seed,
            degradation=made.degradation,
            part='train' if heldout_share else 'all', heldout_share=heldout_share))
    else:
        _refuse_without_photographs(patch_size=patch_size, degradation=degradation)
        check_original_data(config, "the partner is trained on the config's own training data, "
                            'or on a folder of photographs (--gt-dir)')
    # A few thousand iterations are but the beginning of a schedule for hundreds of thousands.
    config.param_scheduler = None
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters,
                            val_interval=max_iters)
    _set_hooks(config, gan_checkpoint, max_iters)
    for stage in ('val', 'test'):
        config.update({f'{stage}_{part}': None for part in ('cfg', 'dataloader', 'evaluator')})
    make_lazy(config)
    return config


def _leave_pixel_loss_alone(model: ConfigDict) -> None:
    for name in [name for name in model if name.endswith('_loss') or name == 'discriminator']:
        if name != 'pixel_loss':
            model[name] = None  # not left out: LDL would take its default
    if (model.get('train_cfg') or {}).get('disc_init_steps'):
        model.train_cfg.disc_init_steps = 0  # in which the discriminator would train alone
    # The weight balanced several losses. With this loss alone, and Adam, it hardly matters.
    model.pixel_loss = with_settings(model.get('pixel_loss') or PIXEL_LOSS, loss_weight=1.0)


def _set_hooks(config: Config, gan_checkpoint: str | Path, max_iters: int) -> None:
    config.load_from = None
    others = [hook for hook in config.get('custom_hooks') or [] if not is_hook(hook, HOOK)]
    config.custom_hooks = [*others, dict(type='StartGeneratorHook', any_length=True,
                                         checkpoint=str(gan_checkpoint))]
    checkpoint = (config.get('default_hooks') or {}).get('checkpoint')
    if checkpoint is not None:
        interval = min(checkpoint.get('interval', max_iters), max(max_iters // CHECKPOINTS, 1))
        checkpoint.update(out_dir=None, save_best=None, interval=interval, by_epoch=False)


def _set_photographs(config: Config, dataset: dict) -> None:
    loader = config.train_dataloader
    loader.dataset = dataset
    # The n-th sample is drawn by its number alone; a shuffled order would depend on the run.
    loader.sampler = dict(type='InfiniteSampler', shuffle=False)
    loader.pop('batch_sampler', None)
    if loader.get('num_workers'):  # MMagic's configs are for large machines
        loader.num_workers = min(loader.num_workers, os.cpu_count() or 1)


def _as_text(photographs: ImageInputs) -> str | list[str]:
    return str(photographs) if isinstance(photographs, (str, Path)) else list(
        map(str, photographs))


def _refuse_without_photographs(**options: Any) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        flags = ', '.join(f'--{name.replace("_", "-")}' for name in given)
        raise InputError(f"{flags}: only for photographs (--gt-dir); the config's own data are "
                         'prepared as the config says')


def _scale_of(config: Config) -> int:
    generator = config.model.generator
    for scale in (config.get('scale'), generator.get('upscale_factor'), generator.get('upscale')):
        if scale:
            return scale
    return image_sizes_of(build_generator(generator)).scale
