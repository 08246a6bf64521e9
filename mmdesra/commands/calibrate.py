"""Train a detector for your own GAN-SR model, from photographs alone.

  mmdesra calibrate --truth photographs --generator SRResNet \\
      --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth --out srgan.safetensors
  mmdesra detect --gan results/gan --mse results/mse --out artifacts \\
      --detector TruthCalibrated --detector-options weights=srgan.safetensors

Photographs are reduced and enlarged by the GAN and its sibling. Where the GAN-SR image departs
from the photograph, there is an artifact; a small network learns to find these places without the
photograph. Every fifth photograph is held out: on these the threshold is chosen, and the figures
are measured that are printed and stored. Begin with some 60 varied photographs of at least one
megapixel; docs/calibrated_detector.md has figures. FILE holds weights and a description, and no
code. The same photographs, settings and number of threads give the same file.

Exit code: 0 = all photographs used, 1 = some were skipped (they are named), 2 = nothing was made.
"""
from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from ..apis import command_line as cli
from ..apis.truth_options import (
    add_rule_options,
    add_truth_source_options,
    rules_from,
    truth_source_from,
)
from ..datasets.photographs import Cutting
from ..detectors.calibrated_file import SUFFIX, CalibrationCard, write_calibrated
from ..engine.detector_calibration import CalibrationSettings, calibrate_detector
from ..errors import InputError
from ..evaluation.figures import UNKNOWN
from ..evaluation.truth_labels import TruthRules
from ..files import make_output_folder
from ..files.inputs import refuse_same_files
from ..files.tables import markdown_table

CUTTING = Cutting(short_sides=(1440, 960, 640, 400), crop=320, crops=2)
"""Pieces of each photograph at four sizes: textures of many scales, learnt in minutes."""

FIGURES = ('average_precision', 'precision', 'recall')


def parse_args() -> argparse.Namespace:
    default = CalibrationSettings()
    parser = cli.make_parser(__doc__)
    parser.add_argument('--out', required=True, type=Path, metavar='FILE',
                        help=f'the file to write, {SUFFIX}')
    parser.add_argument('--overwrite', action='store_true', help='replace --out if it is there')
    parser.add_argument('--gan-only', action='store_true',
                        help='train a detector that needs no MSE-SR images, which is worse (see '
                        'docs/calibrated_detector.md); the sibling is then used for the labels '
                        'only')
    add_truth_source_options(parser, CUTTING)
    add_rule_options(parser, TruthRules())
    group = parser.add_argument_group('learning')
    group.add_argument('--steps', type=int, default=default.steps, metavar='N',
                       help='training steps (default: %(default)s)')
    group.add_argument('--heldout-share', type=float, default=default.heldout_share, metavar='S',
                       help='share of the photographs that is held out (default: %(default)s)')
    group.add_argument('--precision', type=float, default=default.precision, metavar='P',
                       help='region precision that the threshold must reach on the held-out '
                       'photographs (default: %(default)s)')
    group.add_argument('--batch-size', type=int, default=default.batch_size, metavar='N',
                       help='patches in each step (default: %(default)s)')
    group.add_argument('--learning-rate', type=float, default=default.learning_rate, metavar='R',
                       help='the highest learning rate of the schedule (default: %(default)s)')
    return parser.parse_args()


def settings_from(args: argparse.Namespace) -> CalibrationSettings:
    named = {setting.name for setting in fields(CalibrationSettings)} & vars(args).keys()
    return CalibrationSettings(**{name: getattr(args, name) for name in named})


def check_out(args: argparse.Namespace, files: list[Path]) -> None:
    """Check the output file before the training, which takes minutes."""
    if args.out.suffix != SUFFIX:
        raise InputError(f'--out {args.out}: expected a file {SUFFIX}')
    if args.out.is_dir():
        raise InputError(f'{args.out}: is a folder; name a file to write')
    if args.out.exists() and not args.overwrite:
        raise InputError(f'{args.out}: exists already; --overwrite replaces it')
    refuse_same_files([args.out], [*files, args.gan_checkpoint, args.mse_checkpoint])
    make_output_folder(args.out.parent)


def table_of(card: CalibrationCard) -> str:
    rows = []
    for kind, figures in card.made['heldout'].items():
        for name, found in ((f'{kind}, calibrated', figures), (f'{kind}, D < 0.7', figures['D'])):
            rows.append([name, *(UNKNOWN if found[figure] is None else f'{found[figure]:.3f}'
                                 for figure in FIGURES), str(found['detected']),
                         str(found['regions'])])
    return markdown_table(('on photographs held out', 'AP', 'Precision', 'Recall', 'regions found',
                           'regions there'), rows)


def main() -> int:
    args = parse_args()
    rules, settings = rules_from(args), settings_from(args)
    source = truth_source_from(args)
    check_out(args, source.files)
    network, card = calibrate_detector(source, rules, args.scale, settings,
                                       False if args.gan_only else None)
    write_calibrated(args.out, network, card)
    made = card.made
    sees = 'GAN-SR and MSE-SR' if card.uses_mse else 'GAN-SR alone'
    print(f'{args.out}: learnt from {made["pieces"]} pieces of {made["photographs"]} photographs, '
          f'judged on {made["heldout_pieces"]} pieces of {len(made["heldout_photographs"])} '
          f'others; sees {sees}', table_of(card), sep='\n\n')
    for kind, figures in made['heldout'].items():
        if not figures['reaches_precision']:
            print(f'{kind}: no threshold reaches a precision of {settings.precision:g}; the one '
                  'with the highest pixel IoU is taken')
    for name, reason in source.skipped.items():
        print(f'skipped: {name}: {reason}')
    return cli.EXIT_SKIPPED if source.skipped else 0
