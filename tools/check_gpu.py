#!/usr/bin/env python3
"""Check what mmdesra does on a GPU, and measure it, in under eight minutes.

  python tools/check_gpu.py                        # in a checkout
  python check_gpu/tools/check_gpu.py              # in an offline bundle
  python tools/check_gpu.py --device cpu --quick   # tries the check itself, in about a minute

The parts, each in a process of its own:

  tests      the tests that need a GPU (tests/test_cuda)
  detection  D and mask against the CPU's; pairs a second, and what copying alone allows
  upscaler   RRDBNet x4plus in float32, float16 and bfloat16, whole and in tiles, by the bare
             network's own speed; precision
  finetune   a step of Real-ESRGAN's config with the hook and without, with AMP and without
  processes  two processes that train on one GPU

Writes OUT/check_gpu.json and OUT/check_gpu.md. What fails is reported, and the rest goes on.
Exit code: 0 = all is as it must be, 1 = something is not, 2 = nothing was done.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_checks.part import Part

PARTS = dict(tests='marked_tests', detection='detection', upscaler='upscaling',
             finetune='finetuning', processes='two_processes')
"""The modules of gpu_checks, by the name of the part; in this order."""
LEAST_SECONDS = 5
"""With less time left a part is not begun."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cuda', help='such as cuda or cuda:1 '
                        '(default: %(default)s); cpu tries the check itself')
    parser.add_argument('--quick', action='store_true',
                        help='small images and networks, few turns: the figures mean nothing')
    parser.add_argument('--minutes', type=float, default=8, metavar='N',
                        help='when all must be done; what is not is said (default: %(default)s)')
    parser.add_argument('--only', nargs='+', choices=PARTS, default=list(PARTS), metavar='PART',
                        help='of tests, detection, upscaler, finetune, processes')
    parser.add_argument('--skip', nargs='+', choices=PARTS, default=[], metavar='PART',
                        help='likewise')
    parser.add_argument('--weights', type=Path, metavar='FILE',
                        help='of RRDBNet x4plus, such as RealESRGAN_x4plus.pth; without them '
                        'random ones')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/check_gpu'), metavar='DIR',
                        help='where the report goes (default: %(default)s)')
    parser.add_argument('--part', choices=PARTS, help=argparse.SUPPRESS)  # in a child
    parser.add_argument('--scratch', type=Path, help=argparse.SUPPRESS)
    parser.add_argument('--join', type=Path, help=argparse.SUPPRESS)  # one of two processes
    args = parser.parse_args()
    if args.minutes <= 0:
        parser.error(f'expected more than 0 minutes, got {args.minutes:g}')
    if not re.fullmatch(r'cpu|cuda(:\d+)?', args.device):
        parser.error(f'--device: expected cuda, cuda:N or cpu, got {args.device!r}')
    if args.weights is not None and not args.weights.is_file():
        parser.error(f'--weights {args.weights}: no such file')
    return args


def check_all(args: argparse.Namespace) -> int:
    """Run each part in a process of its own, and write the report."""
    import torch
    from gpu_checks.report import verdict, write_report
    from harness.machine import describe_machine

    from mmdesra.errors import InputError
    # Not by using it: where a GPU serves one process at a time, the parts could not.
    if args.device == 'cuda' and not torch.cuda.is_available():
        raise InputError(f'PyTorch {torch.__version__} finds no such GPU; see "nvidia-smi", or '
                         'try the check itself with --device cpu --quick')
    deadline, parts = time.monotonic() + 60 * args.minutes, []
    with TemporaryDirectory(prefix='check_gpu') as scratch:
        for name in PARTS:
            if name in args.only and name not in args.skip:
                print(f'{name} …', flush=True)
                parts.append(check_in_child(args, name, Path(scratch, name), deadline))
                print(f'  {verdict(parts[-1])}, {parts[-1].seconds:.0f} s', flush=True)
    if not parts:
        print('error: no part is left to run', file=sys.stderr)
        return 2
    paths = write_report(args.out, describe_machine(torch.device(args.device)), parts)
    failures = [failure for part in parts for failure in part.failures]
    print(*paths, *failures, sep='\n')
    return 1 if failures else 0


def check_in_child(args: argparse.Namespace, name: str, scratch: Path, deadline: float) -> Part:
    """Run one part; neither an error of CUDA, which spoils a process, nor a hang ends the rest."""
    from gpu_checks.part import LAST_LINES, Part
    scratch.mkdir()
    begin, part = time.monotonic(), Part(name)
    left = deadline - begin
    if left < LEAST_SECONDS:
        part.failures.append(f'did not run: the {args.minutes:g} minutes were over')
        return part
    command = [sys.executable, '-W', 'ignore', __file__, '--device', args.device,
               '--minutes', str(left / 60), '--part', name, '--scratch', str(scratch),
               *(['--quick'] if args.quick else []),
               *(['--weights', str(args.weights.resolve())] if args.weights else [])]
    log = scratch / 'log.txt'
    reason = ''
    with log.open('w', encoding='utf-8') as file:
        try:
            done = subprocess.run(command, stdout=file, stderr=file, timeout=left, check=False)
            reason = f'ended with code {done.returncode}' if done.returncode else ''
        except subprocess.TimeoutExpired:
            reason = f'was stopped after {left:.0f} s: the {args.minutes:g} minutes were over'
    result = scratch / 'part.json'
    if result.is_file():
        part = Part(**json.loads(result.read_text(encoding='utf-8')))
    if reason:
        lines = log.read_text(encoding='utf-8', errors='replace').splitlines()
        part.failures.append('\n'.join([f'{name}: {reason}', *lines[-LAST_LINES:]]))
        part.seconds = round(time.monotonic() - begin, 1)
    return part


def check_one(args: argparse.Namespace) -> int:
    """Run one part, in this process."""
    import torch
    from gpu_checks.part import Settings, run_part
    settings = Settings(torch.device(args.device), args.quick, args.scratch, args.weights,
                        time.monotonic() + 60 * args.minutes)
    run_part(args.part, import_module(f'gpu_checks.{PARTS[args.part]}').run, settings,
             args.scratch / 'part.json')
    return 0


def show_one_device(device: str) -> str:
    """Let PyTorch, here and in the parts, see one GPU, or none; before it looks.

    mmengine trains on the first that it sees.

    Returns:
        str: ``'cuda'`` or ``'cpu'``, which is now that device.
    """
    kind, _, index = device.partition(':')
    if kind == 'cpu':
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    else:
        seen = os.environ.get('CUDA_VISIBLE_DEVICES')
        number = int(index or 0)
        names = [str(number)] if seen is None else seen.split(',')[number:number + 1]
        os.environ['CUDA_VISIBLE_DEVICES'] = ','.join(names)
    return kind


def main(args: argparse.Namespace) -> int:
    if args.join:
        from gpu_checks.two_processes import join
        return join(args.join)
    return check_one(args) if args.part else check_all(args)


if __name__ == '__main__':
    ARGS = parse_args()
    ARGS.device = show_one_device(ARGS.device)
    from mmdesra.apis import command_line as cli  # PyTorch looks for GPUs when this is imported
    cli.run(partial(main, ARGS))
