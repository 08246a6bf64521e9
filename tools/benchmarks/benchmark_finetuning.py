#!/usr/bin/env python3
"""Measure what fine-tuning on pseudo GTs costs over plain MMagic training.

Both sides train the same model, from the same weights, in the same batches, on patches of the
same size out of the same files: ours with DeSRAFinetuneHook and PseudoGTDataset, plain with
MMagic's own BasicImageDataset and paired crops. They take turns in short runs of their own, so
that both see the same machine:

  python tools/benchmarks/benchmark_finetuning.py \\
      configs/desra/desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30.py --lq-dir photos \\
      --pseudo-gt-dir work_dirs/desra/pseudo_gt --gan-checkpoint srgan_gan.pth \\
      --mse-checkpoint srgan_mse.pth

Prints milliseconds a sample that loading takes, seconds an iteration (loading, step and all hooks
of the config, without the first iteration of a run) and the overhead: the median, over the turns,
of ours ÷ plain - 1. Processor time is that of this process; it hardly depends on what else runs on
the machine, and means little on a GPU or with workers that load data.
"""
from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from harness.report import Report, add_json_option
from harness.turns import Spent, Stopwatch, Turns, take_turns
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdesra.apis import command_line as cli
from mmdesra.datasets.transforms import PairedMaskCrop
from mmdesra.engine.inherit import HOOK, find_hook, inherit_desra, is_hook
from mmdesra.files import read_image
from mmdesra.files.configs import merge_options, read_config

NOT_MEASURED = ('heldout_lq_dir', 'heldout_gt_dir', 'perceptual', 'stop', 'watch_interval',
                'rounds', 'original_share')
"""Arguments of the hook for what is done between and after iterations, or with other data."""


class IterationTimes(Hook):
    """Notes the seconds between the ends of iterations."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.watch = Stopwatch()
        self.ends: list[Spent] = []

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None,
                         outputs: object = None) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(self.watch.read())

    @property
    def seconds(self) -> Spent:
        """Spent: The medians."""
        return Spent(*map(float, np.median(np.diff(self.ends, axis=0), axis=0)))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='a config file, or a name such as mmagic::srgan_resnet/...')
    parser.add_argument('--lq-dir', metavar='DIR', help='LR images of the pseudo GTs')
    parser.add_argument('--pseudo-gt-dir', required=True, metavar='DIR',
                        help='the pseudo GTs; made there first if they are not yet')
    parser.add_argument('--gan-checkpoint', metavar='FILE', help='weights to start from')
    parser.add_argument('--mse-checkpoint', metavar='FILE',
                        help='weights of the MSE-trained sibling')
    parser.add_argument('--discriminator-checkpoint', metavar='FILE',
                        help='weights of the discriminator; without them neither side has an '
                        'adversarial loss')
    parser.add_argument('--turns', type=int, default=10, metavar='N',
                        help='runs of each side (default: %(default)s)')
    parser.add_argument('--iterations', type=int, default=6, metavar='N',
                        help='of a run, at least 2 (default: %(default)s)')
    parser.add_argument('--cfg-options', nargs='+', action=cli.KeyValues, metavar='KEY=VALUE',
                        help='override settings of the config, e.g. train_dataloader.batch_size=4')
    add_json_option(parser)
    args = parser.parse_args()
    if args.turns < 1 or args.iterations < 2:
        parser.error('expected at least 1 turn and 2 iterations')
    return args


def our_config(args: argparse.Namespace, work_dir: Path) -> Config:
    config = read_config(args.config)
    merge_options(config, args.cfg_options or {})
    for name in NOT_MEASURED:
        (find_hook(config) or {}).pop(name, None)
    inherit_desra(config, args.iterations, lq_dir=args.lq_dir, pseudo_gt_dir=args.pseudo_gt_dir,
                  gan_checkpoint=args.gan_checkpoint, mse_checkpoint=args.mse_checkpoint,
                  discriminator_checkpoint=args.discriminator_checkpoint)
    config.default_hooks.checkpoint = None
    config.update(work_dir=str(work_dir), log_level='ERROR')
    return config


def plain_config(ours: Config, runner: Runner, folder: Path) -> Config:
    """Return MMagic's training of what a runner of ours trains.

    Args:
        ours (Config): Of our fine-tuning.
        runner (Runner): Of a run with it.
        folder (Path): Where the pairs are linked to, in folders as MMagic expects them.
    """
    config = deepcopy(ours)
    hook = find_hook(config)
    assert hook is not None  # it is our config
    config.custom_hooks = [
        dict(type='StartGeneratorHook', checkpoint=hook.gan_checkpoint)
        if is_hook(other, HOOK) else other for other in config.custom_hooks]
    if getattr(runner.model, 'gan_loss', None) is None:  # the discriminator has no weights
        config.model.gan_loss = None
    dataset = runner.train_loop.dataloader.dataset
    config.train_dataloader.dataset = dict(
        type='BasicImageDataset', data_root=str(folder), data_prefix=dict(img='img', gt='gt'),
        pipeline=paired_pipeline(dataset, link_pairs(dataset, folder)))
    return config


def link_pairs(dataset: BaseDataset, folder: Path) -> int:
    """Link the files of a dataset into ``folder``; return their scale."""
    for key in ('img', 'gt'):
        (folder / key).mkdir()
    for index in range(len(dataset)):
        sample = dataset.get_data_info(index)
        for key in ('img', 'gt'):  # both need one name; what a file is, is read from its content
            path = folder / key / f'{sample["key"]}.png'
            path.symlink_to(Path(sample[f'{key}_path']).resolve())
    return len(read_image(sample['gt_path'])) // len(read_image(sample['img_path']))


def paired_pipeline(dataset: BaseDataset, scale: int) -> list[dict]:
    """Return MMagic's transforms for pairs; like our default ones, without flips."""
    crop = next(step for step in dataset.pipeline.transforms if isinstance(step, PairedMaskCrop))
    return [
        dict(type='LoadImageFromFile', key='img', color_type='color', channel_order='rgb'),
        dict(type='LoadImageFromFile', key='gt', color_type='color', channel_order='rgb'),
        dict(type='SetValues', dictionary=dict(scale=scale)),
        dict(type='PairedRandomCrop', gt_patch_size=crop.gt_patch_size),
        dict(type='CopyValues', src_keys=['gt'], dst_keys=['gt_unsharp']),  # for RealESRGAN
        dict(type='PackInputs'),
    ]


def train(config: Config, name: str) -> tuple[Runner, Spent]:
    """Train as tools/train.py would; return the runner and the seconds of an iteration."""
    config = deepcopy(config)
    config.experiment_name = name  # mmengine keeps one log for each name in a process
    runner, times = Runner.from_cfg(config), IterationTimes()
    runner.register_hook(times)
    runner.train()
    return runner, times.seconds


def loading_seconds(datasets: Sequence[BaseDataset], samples: int = 50) -> np.ndarray:
    """Return the median seconds of a sample for each dataset; they take turns."""
    seconds = []
    for index in range(samples):
        row = []
        for dataset in datasets:
            for _ in range(2):  # the first fills the file cache
                start = time.perf_counter()
                dataset[index % len(dataset)]
                elapsed = time.perf_counter() - start
            row.append(elapsed)
        seconds.append(row)
    return np.median(seconds, axis=0)


def main() -> int:
    args = parse_args()
    logging.getLogger('mmengine').setLevel(logging.ERROR)
    with TemporaryDirectory() as scratch:
        ours = our_config(args, Path(scratch) / 'ours')
        runner, _ = train(ours, 'ours-first')  # makes the pseudo GTs
        plain = plain_config(ours, runner, Path(scratch))
        datasets = [run.train_loop.dataloader.dataset
                    for run in (runner, train(plain, 'plain-first')[0])]
        loading = loading_seconds(datasets)
        del runner
        turns = take_turns(
            {name: partial(train_again, config, name, count())
             for name, config in (('ours', ours), ('plain', plain))},
            args.turns, warm_up=0)  # both have run already
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    report = Report({'pairs': len(datasets[0]), 'batch size': ours.train_dataloader.batch_size,
                     'turns': args.turns, 'iterations': args.iterations}, device)
    fill(report, loading, turns)
    report.give(args.json)
    return 0


def train_again(config: Config, name: str, numbers: Iterator[int]) -> Spent:
    """Return what an iteration takes."""
    return train(config, f'{name}-{next(numbers)}')[1]


def fill(report: Report, loading: np.ndarray, turns: Turns) -> None:
    """Make the tables; ``loading`` has the seconds of a sample, ours and plain."""
    iterations = []
    for clock, title in (('clock', 'iteration'), ('processor', 'processor time of an iteration')):
        ours, plain = (getattr(turns.median(name), clock) for name in ('ours', 'plain'))
        iterations.append({'what': title, 'ours s': ours, 'plain s': plain,
                           'overhead (quartiles)': turns.ratio('ours', 'plain', clock) - 1})
    report.table([{'what': 'loading a sample', 'ours ms': 1e3 * loading[0],
                   'plain ms': 1e3 * loading[1]}], {'ours ms': '.1f', 'plain ms': '.1f'})
    report.table(iterations, {'ours s': '.4f', 'plain s': '.4f', 'overhead (quartiles)': '+.1%'})


if __name__ == '__main__':
    cli.run(main)
