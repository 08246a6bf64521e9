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
import time

import numpy as np
import torch
from benchmark_images import add_pair_arguments, joined_pair
from tqdm import tqdm

from mmdesra.apis import command_line as cli
from mmdesra.apis.contestants import read_contestants
from mmdesra.apis.detector_options import detector_help
from mmdesra.detectors import BaseDetector
from mmdesra.files.tables import markdown_table
from mmdesra.generators import StoredPairs


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
    args = parser.parse_args()
    if args.turns < 1 or min(args.sizes) < 64:
        parser.error('expected at least 1 turn and sides of at least 64 px')
    return args


def measure(detectors: list[BaseDetector], gan: np.ndarray, mse: np.ndarray,
            turns: int) -> np.ndarray:
    """Return seconds, shape ``(turns, detectors, 2)``: of the CPU and of the clock."""
    seconds = np.empty((turns + 1, len(detectors), 2))
    for turn in range(turns + 1):
        for place, detector in enumerate(detectors):
            start = time.process_time(), time.perf_counter()
            detector.detect(gan, mse)
            seconds[turn, place] = (time.process_time() - start[0],
                                    time.perf_counter() - start[1])
    return seconds[1:]  # the first turn fills caches and compiles


def main() -> int:
    args = parse_args()
    contestants = read_contestants(args.detector)
    source = StoredPairs(args.gan, args.mse)
    rows = []
    for side in tqdm(args.sizes, 'sizes', leave=False):
        gan, mse = joined_pair(source, side)
        seconds = measure([one.detector for one in contestants], gan, mse, args.turns)
        ratios = np.median(seconds / seconds[:, :1], axis=0)
        middle = 1e3 * np.median(seconds, axis=0)
        rows += [[one.name, str(side), f'{middle[place, 0]:.0f}', f'{ratios[place, 0]:.2f}',
                  f'{middle[place, 1]:.0f}', f'{ratios[place, 1]:.2f}']
                 for place, one in enumerate(contestants)]
    print(f'threads: {torch.get_num_threads()}; turns: {args.turns}; medians; x: of the first '
          'detector')
    print(markdown_table(('detector', 'side', 'CPU ms', 'x', 'clock ms', 'x'), rows))
    return 0


if __name__ == '__main__':
    cli.run(main)
