"""A fine-tune step of Real-ESRGAN's config, with the hook and without, with AMP and without."""
from __future__ import annotations

import argparse
import gc
import logging
import os
from pathlib import Path
from statistics import median

import torch
from benchmark_finetuning import our_config, plain_config, train
from harness.clock import Clock
from mmengine.config import Config

from mmdesra.engine.amp import use_amp
from mmdesra.engine.inherit import find_hook
from mmdesra.files import write_image

from .images import make_lq
from .networks import QUICK_RRDBNET, QUICK_UNET, write_vgg19, write_weights
from .part import Part, Settings

CONFIG = 'mmdesra::desra/desra_realesrgan_c64b23g32_1xb12-lr1e-4-1k.py'
TURNS, ITERATIONS, IMAGES, SIDE = 3, 8, 16, 128
QUICK_TURNS, QUICK_ITERATIONS, QUICK_IMAGES, QUICK_SIDE, QUICK_PATCH = 1, 3, 2, 32, 64
SECONDS_TO_SPARE = 20
"""Of the time for the whole check: turns end when only so much is left."""


def run(part: Part, settings: Settings) -> None:
    """Train a few iterations of each kind, in turns."""
    logging.getLogger('mmengine').setLevel(logging.ERROR)
    part.notes.append('Random weights: steps take as long as with others; whether they help is '
                      'not asked. An iteration is loading, step and all hooks: the median of each '
                      'run, and of these the median over the turns. The hook makes its pseudo GTs '
                      'before the first iteration.')
    if settings.quick:
        part.notes.append('Small networks without a perceptual loss (--quick).')
    else:
        os.environ['TORCH_HOME'] = str(settings.scratch / 'torch_home')
        write_vgg19(settings.scratch / 'torch_home')
    float32 = None
    for amp in (False, True):
        with part.section('training ' + ('with AMP' if amp else 'in float32')):
            float32 = measure(part, settings, amp, float32)


def measure(part: Part, settings: Settings, amp: bool, float32: float | None) -> float:
    """Measure one precision; return the seconds of an iteration with the hook.

    Args:
        part (Part): Gets a row.
        settings (Settings): Of the check.
        amp (bool): Whether to train in mixed precision.
        float32 (float, optional): What an iteration takes in float32.
    """
    clock = Clock(settings.device)
    ours = make_config(settings, settings.scratch / f'finetune_{"amp" if amp else "float32"}')
    if amp:
        use_amp(ours)
    runner, _ = train(ours, f'first-{amp}')  # makes the pseudo GTs, compiles, fills caches
    plain = plain_config(ours, runner, Path(ours.work_dir).parent)
    del runner
    seconds: dict[str, list[float]] = dict(ours=[], plain=[])
    peaks: dict[str, float | None] = {}
    for turn in range(QUICK_TURNS if settings.quick else TURNS):
        for side, config in [('ours', ours), ('plain', plain)][::(-1)**turn]:
            def once(side: str = side, config: Config = config, turn: int = turn) -> None:
                seconds[side].append(train(config, f'{side}-{amp}-{turn}')[1].clock)
            gc.collect()  # the runner before refers to itself, and holds its memory
            peaks[side] = clock.peak_mib(once)
        if settings.seconds_left() < SECONDS_TO_SPARE:
            break
    with_hook, without = median(seconds['ours']), median(seconds['plain'])
    part.row('Fine-tune step', precision=describe_precision(settings.device, amp),
             seconds_with_hook=with_hook, seconds_without_hook=without,
             overhead=with_hook / without - 1, turns=len(seconds['ours']),
             by_float32=None if float32 is None else with_hook / float32,
             peak_mib_with_hook=peaks['ours'], peak_mib_without_hook=peaks['plain'])
    return with_hook


def describe_precision(device: torch.device, amp: bool) -> str:
    """Return in what a step computes."""
    if not amp:
        return 'float32'
    return 'float16, AMP' if device.type == 'cuda' else 'bfloat16, AMP'


def make_config(settings: Settings, folder: Path) -> Config:
    """Return Real-ESRGAN's fine-tuning on LR images and weights that are written into a folder."""
    quick = settings.quick
    side, count = (QUICK_SIDE, QUICK_IMAGES) if quick else (SIDE, IMAGES)
    (folder / 'lq').mkdir(parents=True)
    for number in range(count):
        write_image(folder / 'lq' / f'{number}.png', make_lq(side, side, number))
    weights = write_weights(folder / 'weights', quick)
    config = our_config(argparse.Namespace(
        config=CONFIG, cfg_options={}, lq_dir=str(folder / 'lq'),
        pseudo_gt_dir=str(folder / 'pseudo_gt'),
        iterations=QUICK_ITERATIONS if quick else ITERATIONS, **weights), folder / 'run')
    if quick:
        config.model.generator.update(QUICK_RRDBNET)
        config.model.discriminator.update(QUICK_UNET)
        config.model.perceptual_loss = None
        config.train_dataloader.update(batch_size=2, num_workers=0)
        hook = find_hook(config)
        assert hook is not None
        hook.gt_patch_size = QUICK_PATCH
    return config
