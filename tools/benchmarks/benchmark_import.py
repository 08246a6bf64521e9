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
from functools import partial
from pathlib import Path

from harness.report import Report, add_json_option
from harness.turns import Spent, take_turns

from mmdesra.apis import command_line as cli
from mmdesra.errors import InputError

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
start = time.perf_counter(), time.process_time()
import mmagic.models
print(json.dumps([time.perf_counter() - start[0], time.process_time() - start[1]]))
"""


FORMATS = {'processor, s': '.2f', 'wall clock, s': '.2f'}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5, help='processes of each kind')
    parser.add_argument('--packages-python', default=sys.executable,
                        help='the Python that has the packages (default: this one)')
    add_json_option(parser)
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error('expected at least 1 round')
    return args


def main() -> int:
    args = parse_args()
    pythons = {'packages': args.packages_python, 'stand-ins': sys.executable}
    report = Report(dict(rounds=args.rounds))
    turns = take_turns({way: partial(measure, python, way) for way, python in pythons.items()},
                       args.rounds)  # the first of each, not counted, may write byte code
    ratios = (turns.ratio('packages', 'stand-ins', by).median for by in Spent._fields)
    report.table([{'import mmagic.models': name, 'processor, s': spent.processor,
                   'wall clock, s': spent.clock} for name, spent in (
        *((way, turns.median(way)) for way in WAYS), ('ratio', Spent(*ratios)))], FORMATS)
    report.give(args.json)
    return 0


def measure(python: str, way: str) -> Spent:
    """Import it in a fresh process.

    Raises:
        InputError: If that fails; with the last line of what Python said.
    """
    done = subprocess.run(
        [python, '-W', 'ignore', '-c', f'import json, sys, mmdesra\n{WAYS[way]}{MEASURE}'],
        env={**os.environ, 'PYTHONPATH': str(ROOT)}, capture_output=True, text=True, check=False)
    if done.returncode:
        *_, last = done.stderr.strip().splitlines() or [f'exit code {done.returncode}']
        raise InputError(f'with {way}, MMagic cannot be imported: {last}')
    return Spent(*json.loads(done.stdout.splitlines()[-1]))


if __name__ == '__main__':
    cli.run(main)
