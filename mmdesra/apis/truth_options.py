"""The command-line options that name photographs, how they are degraded, and the generators."""
from __future__ import annotations

import argparse
from typing import Any

from ..datasets.degradations import DEGRADATIONS, build_degradation
from ..datasets.photographs import Cutting
from ..datasets.truth_samples import MadeFromPhotographs, StoredWithTruths, TruthSource
from ..detectors import BaseDetector, build_detector
from ..errors import InputError
from ..evaluation.truth_labels import PATCH, TruthRules
from ..generators.pairs import check_pair
from . import command_line as cli


def add_truth_source_options(parser: argparse.ArgumentParser, cutting: Cutting) -> None:
    """Add the options that say where SR images with ground truths come from.

    Args:
        parser (argparse.ArgumentParser): The parser to add them to.
        cutting (Cutting): The default values.
    """
    group = parser.add_argument_group('photographs, the ground truths')
    group.add_argument('--truth', nargs='+', required=True, metavar='PATH',
                       help='photographs: a folder, a file, or several (with --gan: one folder)')
    group.add_argument('--scale', type=int, default=cutting.scale, metavar='N',
                       help='factor from LR to SR (default: %(default)s)')
    group.add_argument('--degradation', choices=sorted(DEGRADATIONS), default='bicubic',
                       help="how LR images are made: bicubic reduction, or Real-ESRGAN's blur, "
                       'noise and JPEG (default: %(default)s)')
    group.add_argument('--short-sides', type=int, nargs='*', metavar='PX',
                       default=cutting.short_sides, help='first reduce each photograph until its '
                       'shorter side has this many px; of several numbers each gives a size of '
                       'its own (default: '
                       + (' '.join(map(str, cutting.short_sides)) or 'do not reduce it') + ')')
    group.add_argument('--crop', type=int, default=cutting.crop, metavar='PX',
                       help='cut pieces of this side; 0 = whole photographs '
                       '(default: %(default)s)')
    group.add_argument('--crops', type=int, default=cutting.crops, metavar='N',
                       help='pieces of each photograph and size, at most '
                       '(default: %(default)s)')
    group.add_argument('--seed', type=int, default=cutting.seed, metavar='N',
                       help='the same seed gives the same pieces and noise '
                       '(default: %(default)s)')
    stored = parser.add_argument_group('SR images, if they exist (else the generators, below)')
    stored.add_argument('--gan', nargs='+', metavar='PATH',
                        help='GAN-SR images of the reduced photographs, matched by file stem')
    stored.add_argument('--mse', nargs='+', metavar='PATH',
                        help='MSE-SR images of the reduced photographs, matched by file stem')
    generators = parser.add_argument_group('generators')
    generators.add_argument('--generator', metavar='TYPE_OR_CONFIG', help=cli.GENERATOR_HELP)
    generators.add_argument('--gan-checkpoint', metavar='FILE',
                            help='weights of the GAN-trained generator')
    generators.add_argument('--mse-checkpoint', metavar='FILE',
                            help='weights of its MSE-trained sibling (default: none; the bicubic '
                            'enlargement of the LR image is used as the MSE-SR image)')
    cli.add_tile_options(generators)
    cli.add_device_options(parser)


def truth_source_from(args: argparse.Namespace) -> TruthSource:
    """Open the source that the options of :func:`add_truth_source_options` name.

    Raises:
        InputError: Unless either SR images or a generator with its weights are given.
    """
    made = {'generator', 'gan_checkpoint'}
    given = {name for name in (*made, 'mse_checkpoint', 'gan', 'mse') if getattr(args, name)}
    if given == {'gan', 'mse'}:
        if len(args.truth) > 1:
            raise InputError('with --gan, give one folder of photographs (--truth), matched by '
                             f'file stem; got {len(args.truth)}')
        return StoredWithTruths(args.gan, args.mse, args.truth[0], args.scale)
    if not (made <= given <= {*made, 'mse_checkpoint'}):
        raise InputError('give either --generator and --gan-checkpoint (and --mse-checkpoint, if '
                         'there is a sibling), or --gan and --mse')
    cli.check_device(args.device)
    gan, mse = (cli.upscaler_from(args, checkpoint) if checkpoint else None
                for checkpoint in (args.gan_checkpoint, args.mse_checkpoint))
    assert gan is not None  # its checkpoint is among what is given
    if mse is not None:
        check_pair(gan, mse)
    cutting = Cutting(args.scale, tuple(args.short_sides), args.crop, args.crops, args.seed)
    return MadeFromPhotographs(
        args.truth, cutting, build_degradation(args.degradation, args.scale), gan, mse)


def add_rule_options(parser: argparse.ArgumentParser, default: TruthRules) -> None:
    """Add the options that say what counts as an artifact.

    Args:
        parser (argparse.ArgumentParser): The parser to add them to.
        default (TruthRules): The default values.
    """
    group = parser.add_argument_group('what counts as an artifact')
    group.add_argument('--excess', type=float, default=default.excess, metavar='L',
                       help='for the kinds strength and even ground: the texture of the SR image '
                       'is stronger than that of the photograph by more than L grey levels '
                       '(default: %(default)s)')
    group.add_argument('--even', type=float, default=default.even, metavar='L',
                       help='for the kind even ground: the ground is even where the local '
                       'standard deviation of the photograph is below L grey levels '
                       '(default: %(default)s)')
    group.add_argument('--distance-excess', type=float, default=default.distance_excess,
                       metavar='X', help='for the perceptual kind: the GAN-SR patch is farther '
                       'from the photograph than the reference is, by more than X in the unit of '
                       'the distance (default: %(default)s)')
    group.add_argument('--min-area', default=default.min_area, metavar='A',
                       help='drop regions up to this area: SR pixels, or a share of the image '
                       '(0.4%%) (default: %(default)s)')


def rules_from(args: argparse.Namespace) -> TruthRules:
    """Return the rules that the options of :func:`add_rule_options` name."""
    return TruthRules(args.excess, args.even, args.distance_excess, args.min_area)


def add_distance_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a perceptual distance."""
    group = parser.add_argument_group('perceptual kind (default: not made)')
    group.add_argument('--distance', choices=('LPIPS', 'DISTS'),
                       help=f'the distance, measured on patches of {PATCH} px; needs weights of '
                       'a backbone, see docs/detectors.md')
    group.add_argument('--distance-options', nargs='+', action=cli.KeyValues,
                       metavar='KEY=VALUE', help='arguments of the distance, e.g. net=alex '
                       'backbone_weights=alexnet.pth')


def distance_from(args: argparse.Namespace) -> BaseDetector | None:
    """Build the perceptual distance that the options name; None if they name none.

    Raises:
        InputError: If it cannot be built, or options are given without a name.
    """
    options: dict[str, Any] = args.distance_options or {}
    if args.distance is None:
        if options:
            raise InputError('--distance-options: give --distance LPIPS or DISTS, too')
        return None
    return build_detector(dict(options, type=args.distance), device=args.device)
