"""The command-line options that name a perceptual distance to the ground truths."""
from __future__ import annotations

import argparse

from ..errors import InputError
from ..evaluation.perceptual import DISTANCES
from .command_line import KeyValues


def add_perceptual_options(parser: argparse._ActionsContainer) -> None:
    """Add the options that name a perceptual distance and the weights of its network."""
    parser.add_argument('--perceptual', choices=tuple(DISTANCES), metavar='NAME',
                        help='also measure a perceptual distance to the ground truths: '
                        f'{" or ".join(DISTANCES)}; needs --backbone-weights')
    parser.add_argument('--backbone-weights', metavar='FILE',
                        help="ImageNet weights of that distance's network: torchvision's alexnet "
                        'for LPIPS (another with --perceptual-options net=vgg), vgg16 for DISTS')
    parser.add_argument('--perceptual-options', nargs='+', action=KeyValues, metavar='KEY=VALUE',
                        help='arguments of that distance, e.g. net=vgg '
                        'similarity_weights=uniform device=cpu')


def perceptual_from(args: argparse.Namespace) -> dict | None:
    """Return the config of the perceptual distance that the options name; None without one.

    Raises:
        InputError: If weights or arguments are given without ``--perceptual``.
    """
    if args.perceptual:
        options = dict(args.perceptual_options or {})
        if args.backbone_weights:
            options['backbone_weights'] = args.backbone_weights
        return dict(options, type=args.perceptual)
    for name in ('backbone_weights', 'perceptual_options'):
        if getattr(args, name):
            raise InputError(f'--{name.replace("_", "-")}: name the perceptual distance that it '
                             f'is for, too (--perceptual {" or ".join(DISTANCES)})')
    return None
