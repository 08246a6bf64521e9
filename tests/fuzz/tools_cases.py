"""Cases run as a user runs them: through the command lines of tools/."""
from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import command_lines
import numpy as np
import torch
import toys

from .damage import Rng, damage_bytes, damage_json, damage_text, pick
from .pictures import encode, random_picture, random_pixels

Command = tuple[list, set]
"""A tool with its arguments, and the exit codes that are right."""


def run_command_lines(count: int, seed: int, seconds: float) -> Iterator[tuple[str, bool]]:
    """Run damaged input through the tools; yields a line about each, and whether it is a fault.

    Right is an exit code that the tool's help names, a last line that is no traceback, and for an
    error a line that says so.
    """
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        make = CASES[number % len(CASES)]
        with tempfile.TemporaryDirectory(prefix='fuzz_') as folder:
            command, codes = make(rng, Path(folder))
            yield _run(f'{make.__name__} {number}', command, codes, Path(folder), seconds)


def _run(name: str, command: list, codes: set, folder: Path, seconds: float) -> tuple[str, bool]:
    try:
        done = subprocess.run(command_lines.command(*command), text=True, capture_output=True,
                              env=_environment(), timeout=seconds, cwd=folder)
    except subprocess.TimeoutExpired:
        return f'{name}: hangs: {command}', True
    said = done.stderr.strip().splitlines()
    line = next((line for line in said + done.stdout.splitlines()
                 if re.search('error|skipped', line)), '')
    text = done.stdout + done.stderr
    fault = done.returncode not in codes or 'Traceback' in text or (
        done.returncode != 0 and not line) or (folder / 'canary').exists()
    return (f'{name}: exit code {done.returncode}: '
            + (text[-2000:] if fault else line[:160])), fault


def _environment() -> dict[str, str]:
    """With this checkout before one that is installed."""
    tests = str(command_lines.TESTS)
    return dict(command_lines.environment(),
                PYTHONPATH=os.pathsep.join((tests, str(command_lines.TESTS.parent))))


def detect_pairs(rng: Rng, folder: Path) -> Command:
    gan, mse = toys.write_pairs(folder, count=2)
    pick(rng, sorted((*gan.iterdir(), *mse.iterdir()))).write_bytes(random_picture(rng).content)
    return ['detect.py', '--gan', gan, '--mse', mse, '--out', folder / 'out',
            '--min-area', '200'], {0, 1}


def detect_with_class_table(rng: Rng, folder: Path) -> Command:
    gan, mse = toys.write_pairs(folder, count=1)
    table, labels = folder / 'classes.csv', folder / 'labels'
    table.write_bytes(damage_text(rng, 'index,class,bin\n0,sky,0\n1,tree,5\n2,sea,7.5\n'))
    labels.mkdir()
    height, width = toys.make_lq_image(0).shape[:2]
    (labels / 'image0.png').write_bytes(encode(rng.integers(
        0, pick(rng, (2, 4, 200)), (4 * height, 4 * width)).astype(np.uint8)))
    return ['detect.py', '--gan', gan, '--mse', mse, '--labels', labels, '--class-table', table,
            '--out', folder / 'out'], {0, 1, 2}


def detect_lq(rng: Rng, folder: Path) -> Command:
    return ['detect.py', *_lq_options(rng, folder), '--out', folder / 'out'], {0, 1, 2}


def make_pseudo_gt(rng: Rng, folder: Path) -> Command:
    out = folder / 'out'
    out.mkdir()
    if rng.random() < .5:
        (out / 'manifest.json').write_bytes(damage_json(rng, dict(
            format='mmdesra pseudo-GT folder', version=1, lq_dir=str(folder), made_with={},
            records=[dict(name='image0', lq='image0.png', lq_sha256='0')], skipped={})))
    return ['make_pseudo_gt.py', *_lq_options(rng, folder), '--out', out, '--min-area', '200'
            ], {0, 1, 2}


def _lq_options(rng: Rng, folder: Path) -> list:
    lq = toys.make_lq_folder(folder / 'lq', 2)
    gan, mse = toys.write_checkpoints(folder / 'weights')
    what = int(rng.integers(4))
    if what == 0:
        lq[0].write_bytes(random_picture(rng).content)
    elif what == 1:
        state = dict(amplitude=torch.tensor([float('nan')]))
        torch.save(dict(params=state), pick(rng, (gan, mse)))
    elif what == 2:
        path = pick(rng, (gan, mse))
        path.write_bytes(damage_bytes(rng, path.read_bytes()))
    return ['--lq', folder / 'lq', '--gan-checkpoint', gan, '--mse-checkpoint', mse,
            '--generator', toys.write_generator_config(folder)]


def evaluate_masks(rng: Rng, folder: Path) -> Command:
    for name in ('pred', 'gt'):
        (folder / name).mkdir()
        for number in range(2):
            mask = (random_pixels(rng, (30, 40), 1)[..., 0] > 140).astype(np.uint8) * 255
            (folder / name / f'{number}.png').write_bytes(encode(mask))
    (folder / pick(rng, ('pred', 'gt')) / '0.png').write_bytes(random_picture(rng).content)
    return ['evaluate_masks.py', '--pred', folder / 'pred', '--gt', folder / 'gt',
            '--json', folder / 'scores.json'], {0, 1}


def convert_checkpoint(rng: Rng, folder: Path) -> Command:
    path, _ = toys.write_checkpoints(folder)
    path.write_bytes(damage_bytes(rng, path.read_bytes()))
    return ['convert_checkpoint.py', path, folder / 'out.pth'], {0, 2}


def train(rng: Rng, folder: Path) -> Command:
    config = folder / 'config.py'
    config.write_bytes(damage_bytes(rng, b"model = dict(type='SRGAN', generator=dict(type="
                                    b"'ToyGenerator'))\ntrain_dataloader = dict(batch_size=1)\n"))
    (folder / 'lq').mkdir()
    return ['train.py', config, '--lq-dir', folder / 'lq', '--gan-checkpoint', folder / 'gan.pth',
            '--mse-checkpoint', folder / 'mse.pth', '--print-config'], {0, 2}


CASES: tuple[Callable[[Rng, Path], Command], ...] = (
    detect_pairs, detect_lq, make_pseudo_gt, evaluate_masks, convert_checkpoint,
    detect_with_class_table, train, make_pseudo_gt)
