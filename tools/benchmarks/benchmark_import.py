#!/usr/bin/env python3
"""Measure what `import mmagic.models` takes with stand-ins, and with the packages themselves.

  python tools/benchmarks/benchmark_import.py
  python tools/benchmarks/benchmark_import.py --packages-python .venv-2023/bin/python

Fresh processes import it in turns, after `import mmdesra`. One kind has stand-ins for all that
MMagic imports and its super-resolution models never use (diffusers, transformers ...), as where
they are missing. The other kind imports the packages themselves, without stand-ins: they must be
installed in versions that MMagic can use, here or in the environment that --packages-python names
(requirements/matrix/2023.txt has such versions).

Prints the median of processor time and of wall-clock time; on a busy machine, look at the former.
Exit code: 0 = measured, 2 = MMagic cannot be imported in one of the two ways.
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
WAYS = {
    'packages': """
sys.meta_path[:] = [finder for finder in sys.meta_path
                    if type(finder).__name__ != 'WatchingFinder']
""",
    'stand-ins': """
from mmdesra.compat.unneeded_packages import PACKAGES
sys.modules.update(dict.fromkeys(PACKAGES['mmagic']))  # as if they were not installed
""",
}
"""What each kind of process does after `import mmdesra`."""
MEASURE = """
import time
start = time.process_time(), time.perf_counter()
import mmagic.models
print(json.dumps([time.process_time() - start[0], time.perf_counter() - start[1]]))
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5, help='processes of each kind')
    parser.add_argument('--packages-python', default=sys.executable,
                        help='the Python that has the packages (default: this one)')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    pythons = {'packages': args.packages_python, 'stand-ins': sys.executable}
    seconds: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for number in range(args.rounds + 1):  # the first of each may have to write byte code
        for way, python in pythons.items():
            found = measure(python, way)
            if isinstance(found, str):
                print(f'error: with {way}, MMagic cannot be imported: {found}', file=sys.stderr)
                return 2
            if number:
                seconds[way].append(found)
    print_table(seconds)
    return 0


def measure(python: str, way: str) -> list[float] | str:
    """Imports it in a fresh process; gives (processor, wall-clock) seconds, or what went wrong."""
    done = subprocess.run(
        [python, '-W', 'ignore', '-c', f'import json, sys, mmdesra\n{WAYS[way]}{MEASURE}'],
        env={**os.environ, 'PYTHONPATH': str(ROOT)}, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f'exit code {done.returncode}'])[-1]
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def print_table(seconds: dict[str, list[list[float]]]) -> None:
    """Prints the medians of both kinds, and how many times quicker the second is."""
    print('| import mmagic.models | processor, s | wall clock, s |\n| --- | ---: | ---: |')
    medians = {way: [median(column) for column in zip(*rows)] for way, rows in seconds.items()}
    for way, (processor, wall) in medians.items():
        print(f'| {way} | {processor:.2f} | {wall:.2f} |')
    ratios = [slow / quick for slow, quick in zip(*medians.values())]
    print(f'| ratio | {ratios[0]:.2f} | {ratios[1]:.2f} |')


if __name__ == '__main__':
    sys.exit(main())
