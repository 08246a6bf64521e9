#!/usr/bin/env python3
"""Measure `mmdesra detect` on many small pairs: is memory flat, and the cost of an image?

  python tools/benchmarks/benchmark_scale.py --gan sr/gan --mse sr/mse --work-dir scale

Cuts windows of --side px out of real pairs, of which `mmdesra detect --save-sr` makes some, each
at another place, and for each of --sizes runs the real command line on a folder of so many pairs,
each a hard link to one of the windows. The run is killed (SIGKILL) when 97% are done, and the
same command with --resume does the rest and writes the tables and the report. Last, a folder of
--listed pairs, of which only the first image is waited for.

Of each run: seconds until the first image is done; milliseconds of an image after that; resident
memory after a tenth and at 97%, and the peak; seconds of --resume until its first image, and from
the last image to the end; the size of the report's page, and of all files beside it. Times are
processor time, which other programs on the machine change little, and in brackets by the clock.
Prints a Markdown table; --json keeps the figures.
Exit code: 0 = all ran, 2 = nothing was done.
"""
from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
from harness.clock import MIB
from harness.machine import describe_machine
from harness.report import add_json_option
from PIL import Image

from mmdesra.apis import command_line as cli
from mmdesra.apis.progress import FOLDER
from mmdesra.errors import InputError
from mmdesra.files.tables import markdown_table, write_json
from mmdesra.generators import StoredPairs

STRIDE = 5
"""Pixels from one window to the next; they overlap, and no two are the same."""

KILL_AT = .97
PAGE, TICK = os.sysconf('SC_PAGE_SIZE'), os.sysconf('SC_CLK_TCK')

Seconds = tuple[float, float]
"""(processor time, by the clock)."""


@dataclass
class Run:
    """What was seen of a command, in bytes and in seconds: (processor time, by the clock).

    Attributes:
        first (tuple): From its start until the first image was done.
        done (int): Images that it has done.
        working (tuple): From the first image to the last.
        end (tuple): From the last image to its end; 0 if it was killed.
        early (int): Resident memory when a tenth was done.
        late (int): The same at the end of the work.
        peak (int): Most of it.
    """
    first: Seconds = (0., 0.)
    done: int = 0
    working: Seconds = (0., 0.)
    end: Seconds = (0., 0.)
    early: int = 0
    late: int = 0
    peak: int = 0


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--gan', type=Path, required=True, help='folder of GAN-SR images')
    parser.add_argument('--mse', type=Path, required=True, help='folder of MSE-SR images')
    parser.add_argument('--sizes', type=int, nargs='+', default=[500, 5000, 20000], metavar='N')
    parser.add_argument('--listed', type=int, default=200_000, metavar='N',
                        help='pairs that are only listed; 0: none (default: %(default)s)')
    parser.add_argument('--side', type=int, default=64, metavar='PX')
    parser.add_argument('--windows', type=int, default=5000, metavar='N',
                        help='how many different ones (default: %(default)s)')
    parser.add_argument('--min-area', default='100', help='of the detector (default: %(default)s)')
    parser.add_argument('--work-dir', type=Path,
                        help='default: a temporary folder; windows that are in it are used again')
    add_json_option(parser)
    return parser.parse_args()


def windows(pairs: StoredPairs, side: int) -> Iterator[list[np.ndarray]]:
    """Cut windows out of pairs: (GAN-SR, MSE-SR), one pair after the other in turns."""
    images = [pairs.load(path) for path in pairs.paths]
    places = max((image.gan.shape[0] - side) // STRIDE * ((image.gan.shape[1] - side) // STRIDE)
                 for image in images)
    for place in range(places):
        for image in images:
            across = (image.gan.shape[1] - side) // STRIDE
            top, left = STRIDE * (place // across), STRIDE * (place % across)
            if top + side <= len(image.gan):
                rows, columns = slice(top, top + side), slice(left, left + side)
                yield [part[rows, columns] for part in (image.gan, image.mse)]


def write_pairs(pairs: StoredPairs, side: int, count: int, folder: Path) -> None:
    """Write so many windows, once for all runs."""
    for kind in ('gan', 'mse'):
        (folder / kind).mkdir(parents=True)
    written = 0
    for number, parts in enumerate(islice(windows(pairs, side), count)):
        for kind, part in zip(('gan', 'mse'), parts):
            Image.fromarray(part).save(folder / kind / f'{number:06}.png', compress_level=1)
        written = number + 1
    if written < count:
        raise InputError(f'expected pairs that {count} windows can be cut out of, got {written}; '
                         'give more, or larger ones')


def link_pairs(source: Path, available: int, count: int, folder: Path) -> None:
    """Make a folder of pairs that are links to the windows, several to one if need be."""
    for kind in ('gan', 'mse'):
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            os.link(source / kind / f'{number % available:06}.png',
                    folder / kind / f'{number:06}.png')


def watch(arguments: list[str], out: Path, count: int, kill_after: int | None = None) -> Run:
    """Run detect on ``count`` images and watch its journal; kill it after so many, if asked."""
    run, journal = Run(), Journal(out / FOLDER)
    zero = time.perf_counter()
    last = started = (0., 0.)
    with (out.parent / f'{out.name}.log').open('a') as log:
        process = subprocess.Popen(
            [sys.executable, '-m', 'mmdesra', 'detect', *arguments, '--out', str(out)],
            stdout=log, stderr=log)
    killed = False
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        time.sleep(.005)
        new = journal.new_images()
        if not new or killed:
            continue
        last = (cpu_seconds(process.pid) or last[0], time.perf_counter() - zero)
        if not run.done:
            started = run.first = last
        run.done += new
        run.late = resident(process.pid) or run.late
        if not run.early and run.done >= count / 10:
            run.early = run.late
        if kill_after is not None and run.done >= kill_after:
            killed = True
            process.kill()
    _, status, usage = ended
    process.returncode = code = os.waitstatus_to_exitcode(status)
    run.working = last[0] - started[0], last[1] - started[1]
    if not killed:
        run.end = (usage.ru_utime + usage.ru_stime - last[0], time.perf_counter() - zero - last[1])
    run.peak = usage.ru_maxrss * 1024
    if code != (-signal.SIGKILL if killed else 0):
        raise InputError(f'{out}.log: detect ended with the exit code {code}')
    return run


class Journal:
    """Counts the images that a run notes as done; those of earlier runs are not counted.

    Args:
        folder (Path): Where runs keep their journals.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = set(folder.glob('*.jsonl'))
        self._file: IO[bytes] | None = None

    def new_images(self) -> int:
        """Return how many came since the last call."""
        if self._file is None:
            path = next((path for path in self._folder.glob('*.jsonl')
                         if path not in self._before), None)
            if path is None:
                return 0
            self._file = path.open('rb')
            self._file.readline()  # the settings
        return self._file.read().count(b'\n')


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process; 0 if it is gone."""
    try:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    except (FileNotFoundError, IndexError, ProcessLookupError):
        return 0.


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes; 0 if it is gone."""
    try:
        return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * PAGE
    except (FileNotFoundError, IndexError, ProcessLookupError):
        return 0


@dataclass
class Figures:
    """What was measured at one size: both runs, and the report in bytes and files."""
    images: int
    run: Run
    resumed: Run
    page: int
    beside: int
    files: int


def measure(count: int, available: int, pairs: Path, work: Path, min_area: str) -> Figures:
    """Run, kill and resume at one size."""
    folder, out = work / str(count), work / f'out-{count}'
    link_pairs(pairs, available, count, folder)
    arguments = ['--gan', str(folder / 'gan'), '--mse', str(folder / 'mse'), '--min-area',
                 min_area]
    run = watch(arguments, out, count, int(KILL_AT * count))
    resumed = watch([*arguments, '--resume'], out, count)
    beside = [path.stat().st_size for path in (out / 'report_files').rglob('*') if path.is_file()]
    figures = Figures(count, run, resumed, (out / 'report.html').stat().st_size, sum(beside),
                      len(beside))
    shutil.rmtree(folder)
    return figures


def measure_listing(count: int, available: int, pairs: Path, work: Path, min_area: str) -> Run:
    """Run on many pairs until the first image is done."""
    folder = work / 'listed'
    link_pairs(pairs, available, count, folder)
    run = watch(['--gan', str(folder / 'gan'), '--mse', str(folder / 'mse'), '--min-area',
                 min_area], work / 'out-listed', count, 1)
    shutil.rmtree(folder)
    return run


def shown(seconds: Seconds, factor: float = 1.) -> str:
    return f'{factor * seconds[0]:.1f} ({factor * seconds[1]:.1f})'


def table_of(all_figures: list[Figures]) -> str:
    rows = [[f'{one.images:,}', shown(one.run.first),
             shown(one.run.working, 1000 / max(one.run.done - 1, 1)),
             f'{one.run.early / MIB:.0f}', f'{one.run.late / MIB:.0f}',
             f'{max(one.run.peak, one.resumed.peak) / MIB:.0f}', shown(one.resumed.first),
             shown(one.resumed.end), f'{one.page / MIB:.1f}', f'{one.beside / MIB:.1f}',
             f'{one.files:,}'] for one in all_figures]
    return markdown_table(
        ['images', 'first done, s', 'an image, ms', 'memory after a tenth, MiB', 'at 97%', 'peak',
         '`--resume`: first done, s', 'last to end, s', 'report.html, MiB', 'beside it, MiB',
         'files'], rows)


def main() -> int:
    args = parse_args()
    pairs = StoredPairs(args.gan, args.mse)
    work = args.work_dir or Path(tempfile.mkdtemp(prefix='benchmark_scale_'))
    if not (work / 'pairs').is_dir():
        write_pairs(pairs, args.side, args.windows, work / 'pairs')
    all_figures = []
    for count in args.sizes:
        all_figures.append(measure(count, args.windows, work / 'pairs', work, args.min_area))
        print(table_of(all_figures[-1:]), flush=True)
    listing = None
    if args.listed:
        listing = measure_listing(args.listed, args.windows, work / 'pairs', work,
                                  args.min_area)
        print(f'{args.listed:,} pairs listed: the first is done after {shown(listing.first)} s, '
              f'with {listing.peak / MIB:.0f} MiB', flush=True)
    print(table_of(all_figures))
    if args.json:
        write_json(args.json, dict(
            machine=describe_machine(), settings={name: str(getattr(args, name)) for name in (
                'side', 'windows', 'min_area')}, sizes=[asdict(one) for one in all_figures],
            listed=dict(pairs=args.listed, **asdict(listing)) if listing else None))
    if args.work_dir is None:
        shutil.rmtree(work)
    return 0


if __name__ == '__main__':
    cli.run(main)
