#!/usr/bin/env python3
"""Measure how long detectors take for an image, beside the first of them.

  python tools/benchmarks/benchmark_detectors.py --gan results/gan --mse results/mse \\
      --detector DeSRA --detector TruthCalibrated:weights=model.safetensors --sizes 2048

They take turns on the same images, which are put together from the pairs, so that all see the same
machine. Seconds are those of the process on all its threads (CPU) and of the clock; on a machine
that is busy with other work only the first can be compared. Map and mask, no segmenter. Threads:
OMP_NUM_THREADS.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from harness.images import add_pair_arguments, joined_pair
from harness.report import Report, add_json_option
from harness.turns import Turns, take_turns
from tqdm import tqdm

from mmdesra.apis import command_line as cli
from mmdesra.apis.contestants import read_contestants
from mmdesra.apis.detector_options import detector_help
from mmdesra.errors import InputError
from mmdesra.evaluation.standings import Contestant
from mmdesra.generators import StoredPairs

FORMATS = {'CPU ms': '.0f', 'CPU x': '.2f', 'clock ms': '.0f', 'clock x': '.2f'}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_pair_arguments(parser)
    parser.add_argument('--detector', action='append', required=True,
                        metavar='[LABEL=]DETECTOR', help=f'{detector_help()}; several times for '
                        'several')
    parser.add_argument('--sizes', type=int, nargs='+', default=(512, 1024, 2048), metavar='PX',
                        help='sides of the square images (default: %(default)s)')
    parser.add_argument('--turns', type=int, default=9, metavar='N',
                        help='runs of each detector and side (default: %(default)s)')
    add_json_option(parser)
    args = parser.parse_args()
    if args.turns < 1 or min(args.sizes) < 64:
        parser.error('expected at least 1 turn and sides of at least 64 px')
    return args


def main() -> int:
    args = parse_args()
    contestants = read_contestants(args.detector)
    names = [one.name for one in contestants]
    if len({*names}) < len(names):
        raise InputError(f'expected names that differ, got {", ".join(names)}; give labels, as in '
                         'a=DeSRA')
    source = StoredPairs(args.gan, args.mse)
    report = Report(dict(pairs=len(source.paths), turns=args.turns))
    rows: list[dict] = []
    for side in tqdm(args.sizes, 'sizes', leave=False):
        gan, mse = joined_pair(source, side)
        rows += rows_of(side, measure(contestants, gan, mse, args.turns))
    report.table(rows, FORMATS)
    report.note('Medians; x: of the first detector, turn by turn.')
    report.give(args.json)
    return 0


def measure(contestants: Sequence[Contestant], gan: np.ndarray, mse: np.ndarray,
            turns: int) -> Turns:
    """Let the detectors take turns on one pair."""
    return take_turns({one.name: partial(one.detector.detect, gan, mse) for one in contestants},
                      turns)


def rows_of(side: int, turns: Turns) -> Iterator[dict]:
    """Give a row for each detector."""
    first, *_ = turns.spent
    for name in turns.spent:
        seconds = turns.median(name)
        yield {'detector': name, 'side': side, 'CPU ms': 1e3 * seconds.processor,
               'CPU x': turns.ratio(name, first, 'processor').median,
               'clock ms': 1e3 * seconds.clock, 'clock x': turns.ratio(name, first)}


if __name__ == '__main__':
    cli.run(main)
