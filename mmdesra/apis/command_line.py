"""What the command lines share: options, set-up from options, errors as one line."""
from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable

import torch

from ..detectors import AreaLimit, BaseDetector, build_detector
from ..errors import InputError
from ..generators import GeneratedPairs, Upscaler, load_generator
from ..segmentors import LabelFolder

EXIT_SKIPPED = 1
EXIT_ERROR = 2

GENERATOR_HELP = ('the generator of both checkpoints: a registered type (SRResNet), or a config '
                  'whose model.generator is meant, as a path or as mmagic::real_esrgan/....py')


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that decide the masks."""
    group = parser.add_argument_group('detection')
    group.add_argument('--threshold', type=float, default=0.7, metavar='T',
                       help='artifact where the adjusted D is below T (default: %(default)s)')
    group.add_argument('--min-area', type=_area, default=AreaLimit(4000), metavar='A',
                       help='drop regions up to this area: SR pixels (4000) or a share of the '
                       'image (0.4%%); default: 4000, meant for images of about one megapixel')
    group.add_argument('--form', choices=('released', 'printed'), default='released',
                       help='D as in the released code, or as printed in the paper')
    group.add_argument('--labels', metavar='DIR', help='8-bit label maps (ADE20K classes 0-149, '
                       '255 = none), matched by file stem, for the semantic step')
    group.add_argument('--class-table', metavar='CSV',
                       help='class bins for the label maps (default: the published ADE20K table)')


def add_generator_options(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Add the options that name LR images and the two generators."""
    group = parser.add_argument_group('from LR images')
    group.add_argument('--lq', required=required, metavar='DIR', help='folder of LR images')
    group.add_argument('--gan-checkpoint', required=required, metavar='FILE',
                       help='weights of the GAN-trained generator (.pth or .safetensors)')
    group.add_argument('--mse-checkpoint', required=required, metavar='FILE',
                       help='weights of its MSE-trained sibling')
    group.add_argument('--generator', required=required, metavar='TYPE_OR_CONFIG',
                       help=GENERATOR_HELP)
    group.add_argument('--tile', type=int, default=0, metavar='PX',
                       help='run the generators in tiles of this side, in LR pixels, to bound '
                       'memory (default: the whole image)')
    group.add_argument('--tile-pad', type=int, default=32, metavar='PX',
                       help='LR pixels computed around each tile (default: %(default)s)')
    group.add_argument('--half', action='store_true',
                       help='half precision; for GPUs, most CPUs are slower with it')
    group.add_argument('--device', default=default_device(),
                       help='where the generators run (default here: %(default)s)')


def _area(text: str) -> AreaLimit:
    try:
        return AreaLimit.parse(text)
    except InputError as error:  # argparse would hide the message of any other error
        raise argparse.ArgumentTypeError(str(error)) from error


def default_device() -> str:
    """Return 'cuda' where there is one, else 'cpu'."""
    return 'cuda' if torch.cuda.is_available() else 'cpu'


def detector_from(args: argparse.Namespace) -> BaseDetector:
    """Build the detector that the options describe."""
    config = dict(type='DeSRA', threshold=args.threshold, min_area=args.min_area, form=args.form)
    if args.class_table:
        config['class_table'] = args.class_table
    return build_detector(config)


def labels_from(args: argparse.Namespace) -> LabelFolder | None:
    """Open the label maps, or say aloud that there are none."""
    if args.labels:
        return LabelFolder(args.labels)
    print('semantic step: OFF (no --labels); textured classes such as trees or grass are judged '
          'as strictly as sky', file=sys.stderr)
    return None


def generated_pairs_from(args: argparse.Namespace) -> GeneratedPairs:
    """Load the two generators and list the LR images."""
    _check_device(args.device)

    def load(checkpoint: str) -> Upscaler:
        generator = load_generator(args.generator, checkpoint).to(args.device)
        return Upscaler(generator, args.tile, args.tile_pad, args.half)

    return GeneratedPairs(args.lq, load(args.gan_checkpoint), load(args.mse_checkpoint))


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:  # a CPU build asserts that there is no CUDA
        reason = str(error).splitlines()[0]
        raise InputError(f'--device {device}: cannot be used here ({reason})') from error


def run(main: Callable[[], int]) -> None:
    """Run a tool's main and exit with its code; an expected error becomes one line.

    Anything but an :class:`InputError` or ``OSError`` is a fault of ours and keeps its traceback.
    """
    logging.basicConfig(level=logging.WARNING, format='%(message)s')
    # File names need not be text (old archives); naming one must not end the run.
    sys.stdout.reconfigure(errors='backslashreplace')
    try:
        sys.exit(main())
    except (InputError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(130)
