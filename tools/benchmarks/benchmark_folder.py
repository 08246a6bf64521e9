#!/usr/bin/env python3
"""Measure how busy a pass over a folder keeps its generators, and what pseudo-GT making adds.

  python tools/benchmarks/benchmark_folder.py --lq photos --generator SRResNet \\
      --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth --min-area 1000

In turns, --rounds times: the two generators alone on the images, in memory; making pseudo GTs of
them, and detecting on them with all that tools/detect.py writes, each first in the plain order
(read, generate, detect, write) and then as it is done: the next image read, and those before
looked at and written, meanwhile. What the two orders write is compared byte for byte.

Prints medians: seconds; seconds by those of the generators alone, by the clock and of processor
time; the share of the time in which a generator runs.
Exit code: 0 = the files are the same, 1 = some are not, 2 = nothing was done.
"""
from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import torch
from tqdm import tqdm

from mmdesra.apis import command_line as cli
from mmdesra.apis.detect import detect_folder
from mmdesra.apis.detector_options import add_detector_options, detector_from, labels_from
from mmdesra.apis.pseudo_gt import make_pseudo_gts
from mmdesra.errors import InputError
from mmdesra.files import read_image
from mmdesra.files.tables import markdown_table
from mmdesra.generators import GeneratedPairs, Reference, Upscaler

STAGES = ('mmdesra.generators.pairs', 'mmdesra.detectors.detect_pairs',
          'mmdesra.datasets.pseudo_gt_maker', 'mmdesra.apis.detect')
"""Modules that work in the background."""


class TimedUpscaler(Upscaler):
    """An upscaler that counts its seconds."""

    def __init__(self, upscaler: Upscaler) -> None:
        super().__init__(upscaler.generator, upscaler.tile, upscaler.tile_pad, upscaler.half)
        self.seconds = 0.

    def __call__(self, lq: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        try:
            return super().__call__(lq)  # returns when the image is in the CPU's memory
        finally:
            self.seconds += time.perf_counter() - start


@dataclass
class Contestant:
    """One way to go through the folder.

    Attributes:
        name (str): For the table.
        work (Callable): Does it, and writes into the folder given.
        is_plain (bool): Whether in the plain order.
    """
    name: str
    work: Callable[[Path], object]
    is_plain: bool = False
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    def run(self, out: Path, upscalers: Iterable[TimedUpscaler]) -> None:
        """Run it once and keep count."""
        before = sum(upscaler.seconds for upscaler in upscalers)
        with plain_order() if self.is_plain else ExitStack():
            start, cpu_start = time.perf_counter(), time.process_time()
            self.work(out)
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        self.seconds.append(seconds)
        self.cpu_seconds.append(cpu_seconds)
        self.shares.append((sum(upscaler.seconds for upscaler in upscalers) - before) / seconds)


@contextmanager
def plain_order() -> Iterator[None]:
    """Do nothing in the background."""
    def in_foreground(function: Callable, items: Iterable) -> Iterator[Future]:
        for item in items:
            future: Future = Future()
            try:
                future.set_result(function(item))
            except Exception as error:  # noqa: BLE001  (as a thread's)
                future.set_exception(error)
            yield future

    with ExitStack() as stack:
        for module in STAGES:
            # By its name patch() would find the function detect_pairs before Python 3.12.
            stack.enter_context(patch.object(import_module(module), 'in_background',
                                             in_foreground))
        yield


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5, metavar='N',
                        help='how often each runs (default: %(default)s)')
    parser.add_argument('--images', type=int, metavar='N', help='only the first N')
    cli.add_generator_options(parser, required=True)
    add_detector_options(parser)
    return parser.parse_args()


def contestants_from(args: argparse.Namespace, pairs: GeneratedPairs) -> list[Contestant]:
    detector = detector_from(args)
    labels = labels_from(args, detector)
    images = [(read_image(path), path) for path in pairs.paths]

    def generate(out: Path) -> None:
        for lq, path in images:
            pairs.make(path, lq)

    def make(out: Path) -> None:
        make_pseudo_gts(pairs, detector, out, labels)

    def detect(out: Path) -> None:
        detect_folder(pairs, detector, out, labels, show_progress=False)

    return [Contestant('the two generators alone', generate),
            Contestant('pseudo GTs, plain order', make, True),
            Contestant('pseudo GTs', make),
            Contestant('detection, plain order', detect, True),
            Contestant('detection', detect)]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob('*') if path.is_file()}


def run_in_turns(contestants: list[Contestant], upscalers: list[TimedUpscaler],
                 rounds: int) -> bool:
    """Run all of them in each round; returns whether both orders wrote the same files."""
    same = True
    for number in tqdm(range(rounds), 'in turns', unit='round'):
        with TemporaryDirectory() as root:
            outs = [Path(root, str(index)) for index in range(len(contestants))]
            # Forth and back, so that none always finds the machine as the same other left it.
            for index in list(range(len(contestants)))[::(-1)**number]:
                contestants[index].run(outs[index], upscalers)
            same &= all(files_of(outs[plain]) == files_of(outs[plain + 1]) for plain in (1, 3))
    return same


def table_of(contestants: list[Contestant]) -> str:
    alone, rows = contestants[0], []
    for one in contestants:
        by_clock, by_cpu = ([mine / other for mine, other in zip(*pair)] for pair in (
            (one.seconds, alone.seconds), (one.cpu_seconds, alone.cpu_seconds)))
        rows.append([one.name, f'{median(one.seconds):.2f}',
                     f'{median(by_clock):.3f} ({min(by_clock):.3f} to {max(by_clock):.3f})',
                     f'{median(by_cpu):.3f}', f'{median(one.shares):.1%}'])
    return markdown_table(['pass', 'seconds', 'by the generators alone', 'in processor time',
                           'a generator runs'], rows)


def main() -> int:
    args = parse_args()
    pairs = cli.generated_pairs_from(args)
    pairs.paths = pairs.paths[:args.images]
    if isinstance(pairs.mse, Reference):
        raise InputError('this benchmark is of two generators: give --mse-checkpoint')
    pairs.gan, pairs.mse = upscalers = TimedUpscaler(pairs.gan), TimedUpscaler(pairs.mse)
    contestants = contestants_from(args, pairs)
    contestants[0].work(Path())  # the first call of a network sets things up
    tqdm_of_library = patch('mmdesra.datasets.pseudo_gt_maker.tqdm', lambda paths, *_, **__: paths)
    with tqdm_of_library:
        same = run_in_turns(contestants, list(upscalers), args.rounds)
    print(f'{len(pairs.paths)} images, {args.rounds} rounds, {args.device}, '
          f'{torch.get_num_threads()} thread(s) of PyTorch')
    print(table_of(contestants))
    print('files of both orders:', 'the same' if same else 'NOT THE SAME')
    return 0 if same else cli.EXIT_SKIPPED


if __name__ == '__main__':
    cli.run(main)
