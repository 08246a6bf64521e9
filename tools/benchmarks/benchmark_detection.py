#!/usr/bin/env python3
"""Measure detection (map and mask, no segmenter) against a straightforward implementation.

Both detect on the same real pairs, in turns, so that both see the same machine. The reference is
the published rule as the released scripts compute it: double precision, a dense 11x11 filter
(OpenCV filter2D) for each channel, SciPy's hole filling. Maps and masks are compared on every
turn: a difference fails the run.

  python tools/benchmarks/benchmark_detection.py --gan results/gan --mse results/mse

Images of each size are put together from the pairs, side by side, unless one is large enough.
Prints, for each size, the median milliseconds of both, their ratio (median and quartiles of the
turns) and the memory that each needs beside the two images, measured in processes of their own.
Threads: OMP_NUM_THREADS, for both.
Exit code: 0 = the results are the same, 1 = they are not, 2 = nothing was done.
"""
from __future__ import annotations

import argparse
import multiprocessing
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from harness.clock import Clock
from harness.images import add_pair_arguments, joined_pair
from harness.report import Report, add_json_option
from harness.turns import Turns, take_turns
from numpy.lib.format import open_memmap
from scipy import ndimage
from tqdm import tqdm

from mmdesra.apis import command_line as cli
from mmdesra.detectors import RELEASED_AREA, DeSRA
from mmdesra.errors import InputError
from mmdesra.generators import PairSource, StoredPairs

SIZES = (512, 1024, 2048, 4096)
FORMATS = {'reference ms': '.1f', 'ours ms': '.1f', 'ratio (quartiles)': '.1f',
           'reference MiB': '.0f', 'map and mask MiB': '.0f', 'mask MiB': '.0f'}
MAP_TOLERANCE = 1e-6
"""Maps are float32 and below 1."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_pair_arguments(parser)
    parser.add_argument('--sizes', type=int, nargs='+', default=SIZES, metavar='PX',
                        help='sides of the square images (default: %(default)s)')
    parser.add_argument('--memory-sizes', type=int, nargs='*', default=(), metavar='PX',
                        help='further sides at which only our memory and time are measured, '
                        'such as 12000')
    parser.add_argument('--no-memory', action='store_true', help='measure time alone')
    parser.add_argument('--turns', type=int, default=9, metavar='N',
                        help='runs of each side (default: %(default)s)')
    parser.add_argument('--device', metavar='DEVICE',
                        help='measure the detector on this device too, such as cuda: pairs a '
                        'second, and what copying the images in and the mask out allows')
    add_json_option(parser)
    args = parser.parse_args()
    if args.turns < 1 or any(side < 64 for side in [*args.sizes, *args.memory_sizes]):
        parser.error('expected at least 1 turn and sides of at least 64 px')
    return args


def reference_map(gan: np.ndarray, mse: np.ndarray) -> np.ndarray:
    """Return D as the released scripts compute it, float64, of the valid area."""
    line = cv2.getGaussianKernel(11, 1.5)
    window, c = line @ line.T, (0.03 * 255)**2

    def std(channel: np.ndarray) -> np.ndarray:
        mean = cv2.filter2D(channel, -1, window)[5:-5, 5:-5]
        energy = cv2.filter2D(channel**2, -1, window)[5:-5, 5:-5]
        return np.sqrt(np.maximum(energy - mean**2, 0) + 1e-8)

    maps = []
    for channel in range(3):
        x, y = (std(image[..., channel].astype(np.float64)) for image in (gan, mse))
        maps.append((2 * x * y + c) / (x**2 + y**2 + c))
    return np.mean(maps, axis=0)


def reference_mask(difference: np.ndarray) -> np.ndarray:
    """Return the released mask of a map."""
    square = np.ones((5, 5), np.uint8)
    raw = (difference < 0.7).astype(np.uint8)
    dilated = cv2.dilate(cv2.erode(raw, square), square, iterations=3)
    filled = ndimage.binary_fill_holes(dilated, np.ones((3, 3))).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(filled, connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] > RELEASED_AREA
    kept[0] = False
    return kept[labels]


def reference(gan: np.ndarray, mse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    difference = reference_map(gan, mse)
    return difference, reference_mask(difference)


def ours(gan: np.ndarray, mse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    detector = DeSRA(min_area=RELEASED_AREA)
    detection = detector.detect(gan, mse)
    return detector.valid_area(detection.map), detector.valid_area(detection.mask)


def ours_mask_only(gan: np.ndarray, mse: np.ndarray) -> np.ndarray:
    return DeSRA(min_area=RELEASED_AREA).find_mask(gan, mse)


def write_images(source: PairSource, side: int, folder: Path) -> list[Path]:
    """Write a square GAN-SR and MSE-SR image of this side as .npy files, see joined_pair."""
    paths = [folder / f'{name}{side}.npy' for name in ('gan', 'mse')]
    joined_pair(source, side, lambda name, shape: open_memmap(
        folder / f'{name}{side}.npy', 'w+', np.uint8, shape))
    return paths


def measure(gan: np.ndarray, mse: np.ndarray, turns: int) -> tuple[Turns, list[str]]:
    """Let both sides take turns; return their seconds, and what differs."""
    differences: set[str] = set()

    def compare_both(results: dict) -> None:
        differences.update(compare(*results['ours'], *results['reference']))

    ways = dict(reference=partial(reference, gan, mse), ours=partial(ours, gan, mse))
    return take_turns(ways, turns, compare_both), sorted(differences)


def compare(our_map: np.ndarray, our_mask: np.ndarray, reference_map: np.ndarray,
            reference_mask: np.ndarray) -> list[str]:
    """Return what differs between the results, in words."""
    found = []
    error = np.abs(our_map - reference_map).max()
    if not error <= MAP_TOLERANCE:
        found.append(f'maps differ by {error:.1e}')
    pixels = np.count_nonzero(our_mask != reference_mask)
    if pixels:
        found.append(f'masks differ on {pixels} px')
    return found


def memory_of(function: Callable, paths: list[Path]) -> tuple[float, float]:
    """Return the MiB that a function needs beside its two images, and its seconds.

    In a process of its own; nan where the system does not tell (it does on Linux).
    """
    # A fork server imports what they need once, for all of them.
    way = {'forkserver', 'spawn'} & {*multiprocessing.get_all_start_methods()}
    with multiprocessing.get_context(min(way)).Pool(1) as pool:
        return pool.apply(_memory_here, (function, paths))


def _memory_here(function: Callable, paths: list[Path]) -> tuple[float, float]:
    small = np.random.default_rng(0).integers(0, 256, (2, 200, 200, 3), np.uint8)
    function(*small)  # loads the compiled code
    images = [np.load(path) for path in paths]
    before = _peak_memory(reset=True)
    start = time.perf_counter()
    function(*images)
    seconds = time.perf_counter() - start
    return _peak_memory() - before, seconds


def _peak_memory(reset: bool = False) -> float:
    """Return the most MiB that this process has had since the last reset."""
    process = Path('/proc/self')
    if not process.exists():
        return float('nan')
    if reset:
        (process / 'clear_refs').write_text('5')
    kib = re.search(r'VmHWM:\s*(\d+) kB', (process / 'status').read_text())
    return int(kib[1]) / 1024 if kib else float('nan')


def measure_device(gan: np.ndarray, mse: np.ndarray, device: str, turns: int) -> dict:
    """Return, as a row, pairs a second on a device, beside what copying alone allows."""
    detector = DeSRA(min_area=RELEASED_AREA, device=device)
    expected = ours_mask_only(gan, mse)
    mask = torch.from_numpy(expected)

    def copy() -> None:
        for image in (gan, mse):
            torch.from_numpy(image).to(device)
        mask.to(device).cpu()

    clock = Clock(torch.device(device), turns)
    detect = clock.seconds(partial(detector.find_mask, gan, mse))
    return {'side': len(gan), 'pairs/s': 1 / detect,
            'of the copy bandwidth': clock.seconds(copy) / detect,
            'mask differs from the CPU on px': int(np.count_nonzero(
                detector.find_mask(gan, mse) != expected))}


def main() -> int:
    args = parse_args()
    source = StoredPairs(args.gan, args.mse)
    if not source.paths:
        raise InputError('expected at least one pair')
    cv2.setNumThreads(torch.get_num_threads())
    report = Report(dict(pairs=len(source.paths), turns=args.turns), args.device or 'cpu')
    with TemporaryDirectory() as scratch:
        wrong = measure_sizes(args, source, Path(scratch), report)
        report.table([row for side in args.memory_sizes
                      for row in measure_memory(side, source, Path(scratch))],
                     {'seconds': '.2f', 'MiB beside the images': '.0f'})
    if wrong:
        report.note('THE RESULTS DIFFER')
    report.give(args.json)
    return cli.EXIT_SKIPPED if wrong else 0


def measure_sizes(args: argparse.Namespace, source: PairSource, scratch: Path,
                  report: Report) -> bool:
    """Measure both sides at each size; return whether anything differs."""
    rows, device_rows = [], []
    for side in tqdm(args.sizes, 'sizes', leave=False):
        paths = write_images(source, side, scratch)
        gan, mse = (np.load(path) for path in paths)
        turns, differences = measure(gan, mse, args.turns)
        memory = [None if args.no_memory else memory_of(function, paths)[0]
                  for function in (reference, ours, ours_mask_only)]
        rows.append({
            'side': side, 'reference ms': 1e3 * turns.median('reference').clock,
            'ours ms': 1e3 * turns.median('ours').clock,
            'ratio (quartiles)': turns.ratio('reference', 'ours'),
            'reference MiB': memory[0], 'map and mask MiB': memory[1], 'mask MiB': memory[2],
            'differs': '; '.join(differences)})
        if args.device:
            device_rows.append(measure_device(gan, mse, args.device, args.turns))
    report.table(rows, FORMATS)
    report.table(device_rows, {'pairs/s': '.1f', 'of the copy bandwidth': '.0%'}, args.device)
    return any(row['differs'] for row in rows)


def measure_memory(side: int, source: PairSource, scratch: Path) -> Iterator[dict]:
    """Measure memory and seconds of ours at one size; give rows."""
    paths = write_images(source, side, scratch)
    for name, function in (('map and mask', ours), ('mask', ours_mask_only)):
        mib, seconds = memory_of(function, paths)
        yield {'side': side, 'what': name, 'seconds': seconds, 'MiB beside the images': mib}


if __name__ == '__main__':
    cli.run(main)
