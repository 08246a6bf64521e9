#!/usr/bin/env python3
"""Measure how busy a pass over a folder keeps its generators, and what pseudo-GT making adds.

  python tools/benchmarks/benchmark_folder.py --lq photos --generator SRResNet \\
      --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth --min-area 1000

In turns, --rounds times: the two generators alone on the images, in memory; making pseudo GTs of
them, and detecting on them with all that tools/detect.py writes, each first in the plain order
(read, generate, detect, write) and then as it is done: the next image read, and those before
looked at and written, meanwhile. What the two orders write is compared byte for byte.

Prints medians: seconds; seconds by those of the generators alone, by the clock (with quartiles)
and of processor time; the share of the time in which a generator runs.
Exit code: 0 = the files are the same, 1 = some are not, 2 = nothing was done.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
from harness.report import Report, add_json_option
from harness.turns import Quartiles, Spent, Stopwatch, Turns, take_turns

from mmdesra.apis import command_line as cli
from mmdesra.apis.detect import detect_folder
from mmdesra.apis.detector_options import add_detector_options, detector_from, labels_from
from mmdesra.apis.pseudo_gt import make_pseudo_gts
from mmdesra.errors import InputError
from mmdesra.files import read_image
from mmdesra.generators import GeneratedPairs, Reference, Upscaler

STAGES = ('mmdesra.generators.pairs', 'mmdesra.detectors.detect_pairs',
          'mmdesra.datasets.pseudo_gt_maker', 'mmdesra.apis.detect')
"""Modules that work in the background."""
PLAIN = ', plain order'
"""Ends the name of a contestant that works in the plain order."""
FORMATS = {'seconds': '.2f', 'by the generators alone': '.3f', 'in processor time': '.3f',
           'a generator runs': '.1%'}


class TimedUpscaler(Upscaler):
    """An upscaler that counts its seconds."""

    def __init__(self, upscaler: Upscaler) -> None:
        super().__init__(upscaler.generator, upscaler.tile, upscaler.tile_pad, upscaler.half)
        self.seconds = 0.

    def __call__(self, lq: np.ndarray) -> np.ndarray:
        watch = Stopwatch()
        try:
            return super().__call__(lq)  # returns when the image is in the CPU's memory
        finally:
            self.seconds += watch.read().clock


@dataclass
class Contestant:
    """One way to go through the folder.

    Attributes:
        name (str): For the table.
        work (Callable): Does it, and writes into the folder given.
        is_plain (bool): Whether in the plain order.
        shares (list[float]): Of each turn: how much of it a generator ran.
    """
    name: str
    work: Callable[[Path], object]
    is_plain: bool = False
    shares: list[float] = field(default_factory=list)

    def run(self, folder: Path, upscalers: Iterable[TimedUpscaler]) -> Spent:
        """Run it once, into a folder of its name."""
        before = sum(upscaler.seconds for upscaler in upscalers)
        with plain_order() if self.is_plain else ExitStack():
            watch = Stopwatch()
            self.work(folder / self.name)
            spent = watch.read()
        generating = sum(upscaler.seconds for upscaler in upscalers) - before
        self.shares.append(generating / spent.clock)
        return spent


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
    add_json_option(parser)
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
            Contestant(f'pseudo GTs{PLAIN}', make, True),
            Contestant('pseudo GTs', make),
            Contestant(f'detection{PLAIN}', detect, True),
            Contestant('detection', detect)]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob('*') if path.is_file()}


def run_in_turns(contestants: list[Contestant], upscalers: list[TimedUpscaler],
                 rounds: int) -> tuple[Turns, bool]:
    """Let all of them take turns; return also whether both orders wrote the same files."""
    same = True
    with TemporaryDirectory() as root:
        folder = Path(root)

        def compare_orders(_: dict) -> None:
            nonlocal same
            same &= all(files_of(folder / one.name) == files_of(folder / f'{one.name}{PLAIN}')
                        for one in contestants[1:] if not one.is_plain)
            for path in folder.iterdir():
                rmtree(path)

        turns = take_turns({one.name: partial(one.run, folder, upscalers) for one in contestants},
                           rounds, compare_orders, warm_up=0)
    return turns, same


def rows_of(contestants: list[Contestant], turns: Turns) -> Iterator[dict]:
    """Give a row for each."""
    alone = contestants[0].name
    for one in contestants:
        yield {'pass': one.name, 'seconds': turns.median(one.name).clock,
               'by the generators alone': turns.ratio(one.name, alone),
               'in processor time': turns.ratio(one.name, alone, 'processor').median,
               'a generator runs': Quartiles.of(one.shares).median}


def main() -> int:
    args = parse_args()
    pairs = cli.generated_pairs_from(args)
    pairs.paths = pairs.paths[:args.images]
    if isinstance(pairs.mse, Reference):
        raise InputError('this benchmark is of two generators: give --mse-checkpoint')
    pairs.gan, pairs.mse = upscalers = TimedUpscaler(pairs.gan), TimedUpscaler(pairs.mse)
    contestants = contestants_from(args, pairs)
    contestants[0].work(Path())  # the first call of a network sets things up
    report = Report(dict(images=len(pairs.paths), rounds=args.rounds), args.device)
    tqdm_of_library = patch('mmdesra.datasets.pseudo_gt_maker.tqdm', lambda paths, *_, **__: paths)
    with tqdm_of_library:
        turns, same = run_in_turns(contestants, list(upscalers), args.rounds)
    report.table([*rows_of(contestants, turns)], FORMATS)
    report.note(f'files of both orders: {"the same" if same else "NOT THE SAME"}')
    report.give(args.json)
    return 0 if same else cli.EXIT_SKIPPED


if __name__ == '__main__':
    cli.run(main)
