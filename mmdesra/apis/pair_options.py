"""The command-line options that name pairs: SR images, or LR images and two generators."""
from __future__ import annotations

import argparse

from ..errors import InputError
from ..generators import PairSource, StoredPairs
from ..generators.reference import HOW_TO_GET_ONE
from . import command_line as cli

STORED = ('gan', 'mse')
GENERATED = ('lq', 'gan_checkpoint', 'generator')
REFERENCES = ('mse_checkpoint', 'reference', 'reference_options')


def add_pair_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name SR images, or LR images and the two generators."""
    stored = parser.add_argument_group('from SR images')
    stored.add_argument('--gan', nargs='+', metavar='PATH',
                        help='GAN-SR images: a folder, a file, a pattern in quotes '
                        "('results/**/*.png'), or several")
    stored.add_argument('--mse', nargs='+', metavar='PATH',
                        help='MSE-SR images, matched to --gan by file stem (two single files are '
                        'a pair, whatever their names)')
    cli.add_generator_options(parser)


def pairs_from(args: argparse.Namespace, uses_mse: bool = True) -> PairSource:
    """Open the pairs that the options name.

    Args:
        args (argparse.Namespace): With the options of :func:`add_pair_options`.
        uses_mse (bool): Whether the detector compares with MSE-SR images; if not, GAN-SR images
            alone will do.

    Raises:
        InputError: Unless exactly one of the two ways is complete.
    """
    given = {name for name in STORED + GENERATED + REFERENCES if getattr(args, name)}
    if given - set(REFERENCES) == set(GENERATED):
        return cli.generated_pairs_from(args)
    if given != set(STORED) and (uses_mse or given != {'gan'}):
        raise InputError('give either --gan and --mse, or all of --lq, --gan-checkpoint, '
                         f'--mse-checkpoint (or --reference) and --generator; {HOW_TO_GET_ONE}')
    pairs = StoredPairs(args.gan, args.mse or args.gan, args.recursive)
    if args.mse and uses_mse:
        pairs.refuse_one_set()
    return pairs
