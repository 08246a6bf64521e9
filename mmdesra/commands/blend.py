"""Blend the weights of a model and of its cure: a slider between the two.

  mmdesra blend RealESRGAN_x4plus.pth cured.pth --strength 0.7 between.pth

Each weight becomes (1 - strength) x BEFORE + strength x AFTER. BEFORE and AFTER may each have any
layout that docs/checkpoints.md lists; OUT gets the layout of BEFORE, or safetensors if its name
ends so. Counters and indices are taken from AFTER. Weights of two different networks are refused,
and the error names the tensors that differ.
Exit code: 0 = written, 2 = not written.
"""
from __future__ import annotations

import argparse

from ..apis import command_line as cli
from ..apis.checkpoints import blend


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('before', metavar='BEFORE', help='weights of the model (strength 0)')
    parser.add_argument('after', metavar='AFTER', help='weights of its cure (strength 1)')
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
