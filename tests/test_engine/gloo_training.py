"""One of two processes that train together on the CPU; writes down what it saw.

Usage: gloo_training.py FOLDER RANK, with FOLDER as :func:`write_data` leaves it.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from gloo_pair import process_group
from mmengine.config import Config
from toy_mix import SHARE, mixed_config, write_original
from toy_training import (
    Probe,
    make_data,
    make_runner,
    model_config,
    training_config,
    write_role,
    write_whole_model,
)

MODEL = model_config('RealESRGAN')
EMA_HOOK = dict(type='ExponentialMovingAverageHook', module_keys='generator_ema', interval=1,
                interp_cfg=dict(momentum=.25))


def write_data(folder: Path) -> SimpleNamespace:
    data = make_data(folder)
    state = write_whole_model(folder / 'whole.pth', MODEL)
    write_role(folder / 'discriminator.pth', state, 'discriminator')
    write_original(folder / 'original')
    return data


def train(folder: Path, rank: int) -> None:
    config = training_config(MODEL, iterations=3, val_interval=1, hooks=[EMA_HOOK])
    config.randomness = dict(seed=0, diff_rank_seed=True)
    probe = Probe()
    runner = make_runner(folder / 'run', data_in(folder), distributed(config), probe,
                         discriminator_checkpoint=str(folder / 'discriminator.pth'), rounds=2)
    runner.train()
    scalars = {name: buffer.current() for name, buffer in runner.message_hub.log_scalars.items()
               if name.startswith('val/DeSRA')}
    torch.save(dict(start=probe.start, end=probe.states[-1], scalars=scalars,
                    seen=[sample.gt_path for sample in probe.samples],
                    has_gan_loss=runner.model.module.gan_loss is not None),
               folder / f'rank{rank}.pth')


def train_mixed(folder: Path, rank: int) -> None:
    config = distributed(mixed_config(folder / 'original', 2))
    config.randomness = dict(seed=0, diff_rank_seed=True)
    probe = Probe()
    make_runner(folder / 'mixed', data_in(folder), config, probe, heldout_lq_dir=None,
                original_share=SHARE).train()
    torch.save([[sample.gt_path for sample in batch['data_samples']] for batch in probe.batches],
               folder / f'mixed{rank}.pth')


def distributed(config: Config) -> Config:
    config.launcher = 'pytorch'
    config.model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel', device_ids=None)
    return config


def data_in(folder: Path) -> SimpleNamespace:
    return SimpleNamespace(lq=folder / 'lq', heldout=folder / 'heldout',
                           gan=folder / 'weights/gan.pth', mse=folder / 'weights/mse.pth')


def main() -> None:
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2')
    with process_group(folder, rank):  # with its own start mmengine would ask for a GPU
        train(folder, rank)
        train_mixed(folder, rank)


if __name__ == '__main__':
    main()
