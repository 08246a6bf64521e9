#!/usr/bin/env python3
"""Give the library bad input, and see that it answers rightly or with a clear error.

  python tests/fuzz_inputs.py --cases 2000 --seed 1
  python tests/fuzz_inputs.py --kind image --kind checkpoint --cases 500
  python tests/fuzz_inputs.py --kind image --case 17 --seed 1 --keep /tmp/broken
  python tests/fuzz_inputs.py --cases 0 --command-lines 40

Kinds: image files (read as images or label maps), masks as people and programs make them, pairs of
images through the detector, folders of masks to score, pseudo-GT folders, artifact benchmarks,
class tables, the answers of a study, detector configs, training configs in both styles,
checkpoints, weights and images by all sorts of names, Keras files, NIQE's model. A case makes a
file, whole or damaged, or of an odd meaning (bit depths, EXIF, values of masks, names, styles),
hands it to the function behind the tools, and judges: 'right' = the answer is that of a second
reader (Pillow alone, the released rule, csv, the tensors that were written, the mask that was
drawn); 'refused' = an InputError that names the file; everything else is a fault: another
exception, another answer, a file written or code run where none should be, more than the seconds
or the memory allowed. Cases run in a worker process; equal seeds make equal files. Linux only.
Exit code: 0 = no fault, 1 = faults (each is printed).
"""
from __future__ import annotations

import argparse
import logging
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fuzz.tools_cases import run_command_lines
from fuzz.worker import FAULT, GIB, KINDS, Limits, Result, deal, run_case, run_limited

MOST_SHOWN = 30


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cases', type=int, default=2000, metavar='N')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--kind', action='append', choices=KINDS, metavar='KIND',
                        help=f'only some of {", ".join(KINDS)}; may be given several times')
    parser.add_argument('--case', type=int, metavar='NUMBER',
                        help='run this one case of --kind here, in this process, without limits')
    parser.add_argument('--command-lines', type=int, default=0, metavar='N',
                        help='also run this many cases through the tools themselves')
    parser.add_argument('--seconds', type=float, default=Limits.seconds, help='for one case')
    parser.add_argument('--memory', type=float, default=Limits.taken / GIB, metavar='GIB',
                        help='for one case')
    parser.add_argument('--keep', type=Path, metavar='DIR', help="where faults' files are kept")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter('ignore')
    if args.case is not None:
        result = run_case(args.kind[0], args.seed, args.case, args.keep)
        print(f'{result.state}: {result.message}')
        return int(result.state == FAULT)
    start, counts, slowest, faults = time.monotonic(), Counter(), (0., ''), []
    limits = Limits(args.seconds, int(args.memory * GIB))
    most = Result('', 0, '')
    last = start
    for result in run_limited(deal(args.cases, args.kind or list(KINDS)), args.seed, limits,
                              args.keep):
        counts[result.kind, result.state] += 1
        slowest = max(slowest, (time.monotonic() - last, f'{result.kind} {result.number}'))
        most = max(most, result, key=lambda result: result.taken)
        last = time.monotonic()
        if result.state == FAULT:
            faults.append(f'{result.kind}, --seed {args.seed} --case {result.number}')
            if len(faults) <= MOST_SHOWN:
                print(f'FAULT {faults[-1]}: {result.message}', flush=True)
    print(table(counts))
    print(f'{sum(counts.values())} cases, seed {args.seed}, {time.monotonic() - start:.0f} s; '
          f'slowest {slowest[0]:.1f} s ({slowest[1]}); most memory {most.taken / 2**20:.0f} MiB '
          f'({most.kind} {most.number}); {len(faults)} faults')
    for line, fault in run_command_lines(args.command_lines, args.seed, args.seconds * 3):
        print(f'{"FAULT" if fault else "ok"} {line}', flush=True)
        faults += [line] * fault
    return int(bool(faults))


def table(counts: Counter) -> str:
    """How many cases of each kind ended how, in Markdown."""
    states = ('right', 'refused', FAULT)
    rows = [f'| {kind} | ' + ' | '.join(str(counts[kind, state]) for state in states) + ' |'
            for kind in KINDS if any(counts[kind, state] for state in states)]
    return '\n'.join([f'| kind | {" | ".join(states)} |', '| --- | ---: | ---: | ---: |', *rows])


if __name__ == '__main__':
    sys.exit(main())
