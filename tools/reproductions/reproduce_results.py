#!/usr/bin/env python3
r"""Fine-tune the published SRGAN pair in several ways and measure each: docs/results.md.

  bash tools/demo.sh                     # once: the environment and the weights
  .venv/bin/python tools/convert_keras_srgan.py --download --out checkpoints
  .venv/bin/python tools/reproductions/reproduce_results.py --checkpoints checkpoints \
      --train TRAIN_LQ --test bsd100=BSD100_LQ realsrset=REALSRSET \
      --train-labels TRAIN_LABELS --test-labels BSD100_LABELS \
      --test-gt bsd100=BSD100 --perceptual LPIPS --backbone-weights alexnet.pth

The main run has --iters iterations and is measured on the way, with and without EMA; the
variations of it, and its like for comparison (baseline), have --variation-iters. The variation
with semantic weights needs label maps, by file stem. With --test-gt all is compared with the
ground truths, too; an image without one is left out of that. What was done already is not done
again: stop it at any moment and start it anew. Writes OUT/results.json, tables.md, curve.png and
OUT/SET.html, the test images before and after the main run. All of it takes about two hours on
two cores with --variation-iters 200.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
from benchmark_harness import describe_machine, hold_settings, in_a_line, once
from demo import run_command
from result_runs import (
    CONFIGS,
    EMA,
    FULL,
    MAIN,
    RUNS,
    WITHOUT_EMA,
    Look,
    Run,
    checkpoint_of,
    final_of,
    iters_of,
    looks_of,
)
from result_tables import make_tables
from torch import nn

from mmdesra.apis import command_line as cli
from mmdesra.apis.before_after_page import write_before_after_page
from mmdesra.apis.perceptual_options import add_perceptual_options, perceptual_from
from mmdesra.datasets.pseudo_gt_folder import PseudoGTFolder
from mmdesra.detectors import build_detector
from mmdesra.errors import InputError
from mmdesra.evaluation.finetune_table import TestSet
from mmdesra.evaluation.perceptual import build_perceptual, describe_perceptual
from mmdesra.files import list_images, make_output_folder, write_text
from mmdesra.files.configs import read_config
from mmdesra.files.tables import write_json
from mmdesra.generators import Upscaler, build_generator, load_generator, read_checkpoint
from mmdesra.generators.checkpoint import fill_weights
from mmdesra.segmentors import build_segmentor

GENERATOR = 'SRResNet'
DETECTOR = dict(type='DeSRA', min_area=1000)
STEPS = 20
"""Checkpoints of each run."""
MIN_ITERS = 100
"""The recipe warms up for 50."""
PICTURES_OF = 'pictures_of.json'
"""In a test set's folder: which weights the pictures there were made with."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--train', required=True, type=Path, metavar='DIR',
                        help='LR photographs to fine-tune on')
    parser.add_argument('--test', required=True, nargs='+', type=named_folder,
                        metavar='NAME=DIR', help='LR photographs to measure on; the first set '
                        'for every run, the others for the main one')
    parser.add_argument('--checkpoints', default='checkpoints', type=Path,
                        metavar='DIR', help='srgan_gan.pth, srgan_mse.pth and '
                        'srgan_gan_discriminator.pth (default: %(default)s)')
    parser.add_argument('--train-labels', type=Path, metavar='DIR',
                        help='label maps of the LR photographs to fine-tune on')
    parser.add_argument('--test-labels', type=Path, metavar='DIR',
                        help='label maps of the first test set')
    parser.add_argument('--test-gt', nargs='+', type=named_folder, default=[],
                        metavar='NAME=DIR', help='ground truths of test sets, by file stem')
    add_perceptual_options(parser)
    parser.add_argument('--iters', type=iterations, default=1000, metavar='N',
                        help='iterations of the main run (default: %(default)s)')
    parser.add_argument('--variation-iters', type=iterations, default=1000, metavar='N',
                        help='iterations of each variation (default: %(default)s)')
    parser.add_argument('--runs', nargs='+', choices=RUNS, default=list(RUNS), metavar='RUN',
                        help=f'only these of: {", ".join(RUNS)}')
    parser.add_argument('--out', default='work_dirs/results', type=Path, metavar='DIR',
                        help='where everything goes (default: %(default)s)')
    args = parser.parse_args()
    args.test, args.test_gt = dict(args.test), dict(args.test_gt)
    unknown = args.test_gt.keys() - args.test.keys()
    if unknown:
        parser.error(f'--test-gt: expected names of test sets ({", ".join(args.test)}), got '
                     f'{", ".join(sorted(unknown))}')
    return args


def named_folder(text: str) -> tuple[str, str]:
    name, _, folder = text.partition('=')
    if not (name and folder):
        raise argparse.ArgumentTypeError(f'expected NAME=DIR, got {text!r}')
    return name, folder


def iterations(text: str) -> int:
    count = int(text)
    if count < MIN_ITERS or count % STEPS:
        raise argparse.ArgumentTypeError(f'expected a multiple of {STEPS} from {MIN_ITERS} on, '
                                         f'got {count}')
    return count


def main() -> int:
    args = parse_args()
    if 'semantic' in args.runs and not (args.train_labels and args.test_labels):
        print('semantic: left out, it needs --train-labels and --test-labels')
        args.runs.remove('semantic')
    make_output_folder(args.out)
    check_settings(args)
    for name in args.runs:
        train(args, name)
    sets = {name: make_set(args, name) for name in args.test}
    first, *others = sets
    for name in args.runs:
        for look in looks_of(args, name):
            measure(args, look, first, sets[first])
    if 'semantic' in args.runs:
        measure_with_labels(args, first)
    if MAIN in args.runs:
        for name in others:
            measure(args, final_of(args), name, sets[name])
        write_pages(args, sets)
    rows, machine = list(measured(args)), describe_machine()
    write_json(args.out / 'results.json', dict(machine=machine, rows=rows))
    tables = '\n\n'.join([in_a_line(machine), *make_tables(args, rows)])
    write_text(args.out / 'tables.md', tables + '\n')
    print(tables)
    return 0


def check_settings(args: argparse.Namespace) -> None:
    """Refuse a folder with figures of other weights, photographs or recipes."""
    weights = [args.checkpoints / f'srgan_{name}.pth' for name in ('gan', 'mse')]
    recipes = sorted(CONFIGS.glob('desra_srgan-bn*.py'))
    photographs = {name: [path.name for path in list_images(folder)]
                   for name, folder in dict(args.test, train=args.train).items()}
    truths = {name: [path.name for path in list_images(folder)]
              for name, folder in args.test_gt.items()}
    hold_settings(args.out, dict(
        iters=args.iters, variation_iters=args.variation_iters, detector=DETECTOR,
        photographs=photographs, truths=truths,
        perceptual=describe_perceptual(build_perceptual(perceptual_from(args))),
        weights={path.name: sha256(path.read_bytes()) for path in weights},
        recipes={path.name: sha256(settings_of(path)) for path in recipes}))


@cache
def settings_of(config: Path) -> bytes:
    """What a config says together with those that it inherits from."""
    content = read_config(str(config)).to_dict()
    return json.dumps(content, sort_keys=True, default=str).encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# ---------------------------------------- training


def train(args: argparse.Namespace, name: str) -> None:
    """Run mmdesra train, unless the run is complete; one that was stopped goes on."""
    run, iters = RUNS[name], iters_of(args, name)
    work_dir = args.out / 'runs' / name
    if checkpoint_of(args, Look(name, iters, EMA)).is_file():
        return
    pseudo_gts = (work_dir if run.own_pseudo_gts else args.out) / 'pseudo_gt'
    discriminator = args.checkpoints / 'srgan_gan_discriminator.pth'
    run_command('train', run.config, '--work-dir', work_dir, '--max-iters', iters,
                '--lq-dir', lq_of(args, run), '--pseudo-gt-dir', pseudo_gts,
                '--gan-checkpoint', args.checkpoints / 'srgan_gan.pth',
                '--mse-checkpoint', args.checkpoints / 'srgan_mse.pth',
                *(['--discriminator-checkpoint', discriminator] if run.config == FULL else []),
                *(['--labels-dir', args.train_labels] if run.semantic else []),
                *(['--resume'] if (work_dir / 'last_checkpoint').is_file() else []),
                *run.arguments, '--cfg-options', *run.settings,
                f'param_scheduler.1.end={iters}',
                'default_hooks.checkpoint.max_keep_ckpts=-1',
                f'default_hooks.checkpoint.interval={iters // STEPS}')


def lq_of(args: argparse.Namespace, run: Run) -> Path:
    """The training photographs, or a folder with some of those that have artifacts."""
    if run.pseudo_gts is None:
        return args.train
    manifest = PseudoGTFolder(args.out / 'pseudo_gt').read_manifest()
    usable = [record.lq for record in manifest.records if record.regions]
    if len(usable) < run.pseudo_gts:
        raise InputError(f'{args.train}: expected {run.pseudo_gts} photographs with artifacts or '
                         f'more, got {len(usable)}')
    folder = make_output_folder(args.out / f'lq_{run.pseudo_gts}')
    for number in range(run.pseudo_gts):  # evenly over all of them
        name = usable[number * len(usable) // run.pseudo_gts]
        shutil.copy(args.train / name, folder / name)
    return folder


# ---------------------------------------- measuring


def make_set(args: argparse.Namespace, name: str, labels: Path | None = None) -> TestSet:
    mse = Upscaler(load_generator(GENERATOR, args.checkpoints / 'srgan_mse.pth'))
    gan = Upscaler(load_generator(GENERATOR, args.checkpoints / 'srgan_gan.pth'))
    folder = args.out / 'tests' / (f'{name}-labels' if labels else name)
    gt_dir = args.test_gt.get(name)
    images = TestSet(args.test[name], folder, mse, build_detector(DETECTOR),
                     build_segmentor(labels), gt_dir, perceptual_from(args) if gt_dir else None)
    images.measure_before(gan)
    return images


def measure(args: argparse.Namespace, look: Look, name: str, images: TestSet) -> dict:
    """Measure one checkpoint on one set; what was measured before is read."""
    def make_row() -> dict:
        row = dict(asdict(look), set=name, **measure_now(args, look, images))
        if look == final_of(args):
            row['niqe'] = {version: images.quality(version, niqe)
                           for version in ('mse', 'gan_before', 'gan_after')}
        return row

    return once(row_of(images.out_dir, look), make_row)


def row_of(folder: Path, look: Look) -> Path:
    return folder / 'rows' / f'{look.run}-{look.iters}-{look.weights}.json'


def measured(args: argparse.Namespace) -> Iterator[dict]:
    """Read all rows that there are, also of runs that were not asked for this time."""
    for run in RUNS:
        for look in looks_of(args, run):
            for folder in [*args.test, f'{next(iter(args.test))}-labels']:
                path = row_of(args.out / 'tests' / folder, look)
                if path.is_file():
                    yield json.loads(path.read_text(encoding='utf-8'))


def measure_now(args: argparse.Namespace, look: Look, images: TestSet) -> dict:
    note = images.out_dir / PICTURES_OF
    note.unlink(missing_ok=True)
    figures = images.measure(Upscaler(generator_of(args, look)))
    write_json(note, asdict(look))
    return figures


def measure_with_labels(args: argparse.Namespace, name: str) -> None:
    images = make_set(args, name, args.test_labels)
    for run in ('semantic', 'baseline'):
        look = Look(run, args.variation_iters, EMA)
        if checkpoint_of(args, look).is_file():
            measure(args, look, f'{name}, semantic', images)


def generator_of(args: argparse.Namespace, look: Look) -> nn.Module:
    path = checkpoint_of(args, look)
    weights = read_checkpoint(path)['state_dict']
    if look.weights == WITHOUT_EMA:
        weights = {name: value for name, value in weights.items()
                   if not name.startswith('generator_ema.')}
    generator = build_generator(GENERATOR)
    fill_weights(generator, dict(state_dict=weights), path)
    return generator


def niqe(image: np.ndarray) -> float:
    from mmagic.evaluation.metrics.niqe import niqe as mmagic_niqe
    return float(mmagic_niqe(image[..., ::-1], crop_border=0))


# ---------------------------------------- pictures


def write_pages(args: argparse.Namespace, sets: Mapping[str, TestSet]) -> None:
    for name, images in sets.items():
        note = images.out_dir / PICTURES_OF
        if not note.is_file() or json.loads(note.read_text('utf-8')) != asdict(final_of(args)):
            measure_now(args, final_of(args), images)
        write_before_after_page(
            args.out / f'{name}.html', f'{name}: before and after fine-tuning', args.test[name],
            images.out_dir, gt_dir=args.test_gt.get(name))


if __name__ == '__main__':
    cli.run(main)
