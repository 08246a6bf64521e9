"""Shared by the commands: options, objects built from them, errors as one line."""
from __future__ import annotations

import argparse
import io
import logging
import sys
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from mmengine.config import DictAction
from tqdm.contrib.logging import logging_redirect_tqdm

from ..errors import InputError
from ..generators import GeneratedPairs, Upscaler, build_reference, load_upscaler
from ..generators.reference import HOW_TO_GET_ONE, check_reference, refuse_both
from .launch import leave_error

EXIT_SKIPPED = 1
EXIT_ERROR = 2

NOT_FOR_USERS = 'pkg_resources is deprecated', '`torch.utils._pytree'
"""Beginnings of warnings about the code of mmengine and diffusers, which are not shown."""

GENERATOR_HELP = ('the generator of both checkpoints: a registered type (SRResNet), a config '
                  '(its model.generator is taken) as a path or as mmagic::real_esrgan/....py, '
                  'or spandrel, which recognises the network by the weights')


def make_parser(text: str | None, **options: Any) -> argparse.ArgumentParser:
    """Make the parser of a command, whose help shows a text as it is.

    Args:
        text (str): The beginning of the help, usually the docstring of the command's module.
        options (Any): More arguments of :class:`argparse.ArgumentParser`.
    """
    return argparse.ArgumentParser(
        prog=Path(sys.argv[0]).name,  # "mmdesra detect", or "detect.py" of the folder tools/
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter, **options)


class KeyValues(DictAction):
    """mmengine's action for KEY=VALUE; what it cannot read becomes an error of usage."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: Sequence[str], option_string: str | None = None) -> None:
        try:
            super().__call__(parser, namespace, values, option_string)
            names = [value.partition('=')[0] for value in values]
            if any(not part for name in names for part in name.split('.')):
                raise ValueError('a name, or a part of it, is empty')
        except (AssertionError, ValueError) as error:
            raise argparse.ArgumentError(
                self, f'expected KEY=VALUE, got {" ".join(values)}') from error


def add_generator_options(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Add the options that name LR images and the two generators."""
    group = parser.add_argument_group('from LR images')
    group.add_argument('--lq', required=required, nargs='+', metavar='PATH',
                       help='LR images: a folder, a file, a pattern in quotes '
                       "('photos/**/*.jpg'), or several")
    group.add_argument('--gan-checkpoint', required=required, metavar='FILE',
                       help='weights of the GAN-trained generator (.pth or .safetensors)')
    group.add_argument('--mse-checkpoint', metavar='FILE',
                       help='weights of the MSE-trained sibling of that generator')
    add_reference_options(group)
    group.add_argument('--generator', required=required, metavar='TYPE_OR_CONFIG',
                       help=GENERATOR_HELP)
    add_tile_options(group)
    add_recursive_option(parser)
    add_device_options(parser)


def add_reference_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that name a reference; ``--mse-checkpoint`` stands beside them."""
    group.add_argument('--reference', metavar='NAME', help='where there is no --mse-checkpoint: '
                       'self-ensemble, computed from several passes of the GAN-trained '
                       'generator itself (docs/references.md)')
    group.add_argument('--reference-options', nargs='+', action=KeyValues, metavar='KEY=VALUE',
                       help='arguments of --reference, e.g. passes=4 (default: 8)')


def add_tile_options(group: argparse._ArgumentGroup) -> None:
    """Add the options for enlarging images in tiles."""
    group.add_argument('--tile', type=int, default=0, metavar='PX',
                       help='run the generators in tiles of this side, in LR pixels, to bound '
                       'memory (default: the whole image)')
    group.add_argument('--tile-pad', type=int, default=32, metavar='PX',
                       help='LR pixels around each tile that are computed, too, so that no seam '
                       'is seen (default: %(default)s)')


def add_recursive_option(parser: argparse.ArgumentParser) -> None:
    """Add the option to read image folders with their sub-folders."""
    parser.add_argument('--recursive', action='store_true',
                        help='also read the sub-folders of image folders; an image and its mask '
                        'or truth must be in sub-folders with the same name, and results are '
                        'written into such sub-folders')


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where and how precisely networks run."""
    group = parser.add_argument_group('networks')
    group.add_argument('--half', action='store_true',
                       help='compute in half precision; faster on GPUs, slower on most CPUs')
    group.add_argument('--device', default=default_device(),
                       help='where networks run (default here: %(default)s)')


def default_device() -> str:
    """Return 'cuda' if there is a GPU, else 'cpu'."""
    return 'cuda' if torch.cuda.is_available() else 'cpu'


def generated_pairs_from(args: argparse.Namespace) -> GeneratedPairs:
    """Load the generator and its reference, and list the LR images.

    Raises:
        InputError: If there are two references or none, or a file cannot be used.
    """
    check_one_reference(args)
    check_device(args.device)
    gan = upscaler_from(args, args.gan_checkpoint)
    reference = reference_from(args)
    mse = (upscaler_from(args, args.mse_checkpoint) if reference is None else
           build_reference(reference, gan))
    return GeneratedPairs(args.lq, gan, mse, args.recursive)


def check_one_reference(args: argparse.Namespace) -> None:
    """Check that the options name exactly one reference.

    Raises:
        InputError: If they name two or none.
    """
    refuse_both(args.mse_checkpoint, args.reference)
    if not args.mse_checkpoint and not args.reference:
        raise InputError('give --mse-checkpoint, the weights of an MSE-trained sibling, or '
                         f'--reference; {HOW_TO_GET_ONE}')
    reference_from(args)


def reference_from(args: argparse.Namespace) -> dict | None:
    """Return the config of the reference that the options name; None if they name none.

    Raises:
        InputError: If there is no such reference, or options are given without a name.
    """
    options = args.reference_options or {}
    if args.reference is None:
        if options:
            raise InputError('--reference-options: give --reference, too')
        return None
    return check_reference(dict(options, type=args.reference))


def upscaler_from(args: argparse.Namespace, checkpoint: str) -> Upscaler:
    """Load one of the generators that the options name."""
    return load_upscaler(args.generator, checkpoint, args.device, tile=args.tile,
                         tile_pad=args.tile_pad, half=args.half)


def tell_all_skipped(reasons: Collection[str]) -> None:
    """Print that nothing was done, and the first reason."""
    print(f'error: nothing was done, all {len(reasons)} images were skipped; '
          f'{next(iter(reasons))}', file=sys.stderr)


def check_device(device: str) -> None:
    """Check that a device can be used here.

    Raises:
        InputError: If it cannot.
    """
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:  # a CPU build asserts that there is no CUDA
        reason = str(error).splitlines()[0]
        raise InputError(f'device {device}: cannot be used here ({reason})') from error


def run(main: Callable[[], int]) -> None:
    """Run a command's main and exit with its code.

    An :class:`InputError` or ``OSError`` becomes one line. Any other error is a fault of ours and
    keeps its traceback.
    """
    logging.basicConfig(level=logging.WARNING, format='%(message)s')
    for start in NOT_FOR_USERS:
        warnings.filterwarnings('ignore', start)
    # A file name may hold bytes that are not UTF-8; printing it must not end the run.
    cast(io.TextIOWrapper, sys.stdout).reconfigure(errors='backslashreplace')
    try:
        with logging_redirect_tqdm():  # prints messages above the progress bar
            sys.exit(main())
    except (InputError, OSError) as error:
        text = ' '.join(str(error).splitlines())
        if not leave_error(text):
            print('error:', text, file=sys.stderr)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(130)
