#!/usr/bin/env python3
"""Measure what exact gating of the segmenter saves, and check that it changes no mask.

Each pair is detected twice, gated (the segmenter runs only where the mask is not empty without
it) and ungated (it runs on every image), in turns, so that both see the same machine:

  python tools/benchmarks/benchmark_gating.py --gan results/gan --mse results/mse \\
      --min-area 1000 --segmentor segformer-b5

Prints images, calls of the segmenter and seconds of both, without the time that reading or
making the SR images takes. For a check of the plumbing alone, --random-weights will do.
Exit code: 0 = the masks are the same, 1 = some are not or some images were skipped, 2 = nothing
was done.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from harness.report import Report, add_json_option
from harness.turns import Stopwatch
from tqdm import tqdm

from mmdesra.apis import command_line as cli
from mmdesra.apis.detector_options import add_detector_options, detector_from, labels_from
from mmdesra.apis.pair_options import add_pair_options, pairs_from
from mmdesra.detectors import BaseDetector, build_labels
from mmdesra.errors import InputError
from mmdesra.generators import Pair, PairSource
from mmdesra.segmentors import LabelSource


class Run:
    """Detects with a segmenter and keeps count.

    Args:
        labels (LabelSource): The segmenter.
        is_gated (bool): Whether it runs only where it can change the mask.
    """

    def __init__(self, labels: LabelSource, is_gated: bool) -> None:
        self.labels = labels
        self.is_gated = is_gated
        self.calls = 0
        self.seconds = 0.0

    def detect(self, detector: BaseDetector, pair: Pair, path: Path) -> np.ndarray:
        """Return the mask of one pair."""
        def label() -> np.ndarray:
            self.calls += 1
            return self.labels.label([pair.gan], [path])[0]

        watch = Stopwatch()
        mask = detector.detect(pair.gan, pair.mse, label if self.is_gated else label()).mask
        self.seconds += watch.read().clock
        return mask


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--random-weights', action='store_true',
                        help='build the segmenter without a checkpoint; its labels mean nothing')
    add_pair_options(parser)
    add_detector_options(parser)
    add_json_option(parser)
    return parser.parse_args()


def segmentor_from(args: argparse.Namespace, detector: BaseDetector) -> LabelSource:
    if args.random_weights and args.segmentor:
        labels = build_labels(detector, dict(config=args.segmentor, random_weights=True,
                                             half=args.half, device=args.device))
    else:
        labels = labels_from(args, detector)
    if labels is None:
        raise InputError('give the segmenter: --segmentor')
    return labels


def compare(detector: BaseDetector, source: PairSource, runs: Sequence[Run]) -> list[bool]:
    """Detect on every pair with both; returns whether the masks are the same, for each.

    Pairs that cannot be used are reported and left out.
    """
    same = []
    for number, path in enumerate(tqdm(source.paths, 'gated and ungated', unit='image')):
        try:
            pair = source.load(path)
            if not number:  # the first call of a network sets things up
                runs[0].labels.label([pair.gan], [path])
            # In turns, so that neither always finds the caches filled by the other.
            first, second = (run.detect(detector, pair, path) for run in runs[::(-1)**number])
        except ValueError as error:  # ImageError, or images that do not fit each other
            tqdm.write(f'skipped: {path}: {error}')
            continue
        same.append(np.array_equal(first, second))
    return same


def main() -> int:
    args = parse_args()
    detector = detector_from(args)
    source = pairs_from(args)
    labels = segmentor_from(args, detector)
    gated, ungated = runs = Run(labels, True), Run(labels, False)
    report = Report({}, args.device)
    same = compare(detector, source, runs)
    if not same:
        raise InputError('none of the pairs can be used')
    different, skipped = same.count(False), len(source.paths) - len(same)
    report.settings.update(images=len(same), skipped=skipped)
    report.table([{'segmenter': 'gated' if run.is_gated else 'ungated', 'calls': run.calls,
                   'seconds': run.seconds} for run in runs], {'seconds': '.1f'})
    report.table([{'saved': 'calls', 'share': 1 - gated.calls / ungated.calls},
                  {'saved': 'time', 'share': 1 - gated.seconds / ungated.seconds}],
                 {'share': '.0%'})
    report.note(f'masks that differ: {different}')
    report.give(args.json)
    return cli.EXIT_SKIPPED if different or skipped else 0


if __name__ == '__main__':
    cli.run(main)
