"""Blend the weights of a model and of its cure: a slider between the two.

  mmdesra blend RealESRGAN_x4plus.pth cured.pth --strength 0.7 between.pth

Each weight is (1 - strength) x BEFORE + strength x AFTER: 0 is BEFORE, 1 is AFTER. Both may have
any layout that docs/checkpoints.md lists, and different ones; OUT has that of BEFORE, or is
safetensors where its name ends so. Counters and indices are those of AFTER. Weights of different
networks are refused by the names that differ.
Exit code: 0 = written, 2 = not.
"""
from __future__ import annotations

import argparse

from ..apis import command_line as cli
from ..apis.checkpoints import blend


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('before', metavar='BEFORE', help='weights for the strength 0')
    parser.add_argument('after', metavar='AFTER', help='weights for the strength 1')
    parser.add_argument('--strength', required=True, type=float, metavar='S',
                        help='from 0 (BEFORE) to 1 (AFTER)')
    parser.add_argument('out', metavar='OUT', help='checkpoint to write: .pth or .safetensors')
    parser.add_argument('--overwrite', action='store_true', help='replace OUT if it is there')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    done = blend(args.before, args.after, args.out, args.strength, args.overwrite)
    print(f'{args.before}: {done.before}')
    print(f'{args.after}: {done.after}')
    print(f'{args.out}: {done.tensors} tensors, {done.changed} of which differ between the two; '
          f'{args.strength:g} of the way')
    return 0
