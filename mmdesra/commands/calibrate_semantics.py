"""Calibrate the class table of the semantic step on your own pairs and label maps.

From existing SR images and label maps of the GAN-SR images, all matched by file stem:
  mmdesra calibrate-semantics --gan results/gan --mse results/mse --labels labels \\
      --out calibrated

From LR images and two checkpoints of one generator:
  mmdesra calibrate-semantics --lq photos --generator SRResNet \\
      --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth --labels labels \\
      --out calibrated

OUT gets class_table.csv, for --class-table of other commands, and calibration.json with the pixels
and cumulative shares of each class. The rule is the published one: D's range [0, 1] is cut into 20
intervals; counted down from D = 1, a class's bin is the first interval with which more than 85% of
the class's pixels are covered. Only pixels without artifacts should be counted: look at the images
and give --clean or --masks if you can. Otherwise pixels outside the regions that are detected
without a table are counted, which is only a guess.
Exit code: 0 = all pairs counted, 1 = some were skipped (they are named), 2 = nothing was written.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from ..apis import command_line as cli
from ..apis.calibrate import (
    CALIBRATED,
    REPORT_NAME,
    TABLE_NAME,
    Calibration,
    CleanArea,
    OutsideMasks,
    calibrate,
    everywhere,
    load_classes,
    outside_detections,
    write_calibration,
)
from ..apis.detector_options import add_label_options, labels_from
from ..apis.pair_options import add_pair_options, pairs_from
from ..detectors import RELEASED_AREA, DeSRA
from ..detectors.class_table import ADE20K_TABLE
from ..errors import InputError
from ..files import make_output_folder
from ..files.inputs import refuse_same_files
from ..ops.calibration import MIN_PIXELS, SHARE


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('--out', required=True, metavar='DIR', help='where the results go')
    add_pair_options(parser)
    add_label_options(parser)
    add_class_options(parser)
    add_clean_options(parser)
    args = parser.parse_args()
    if not args.labels and not args.segmentor:
        parser.error('give label maps: --labels or --segmentor')
    return args


def add_class_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('classes')
    group.add_argument('--classes', default=ADE20K_TABLE, metavar='FILE',
                       help='the classes in the order of the labels: a class table (.csv), or a '
                       'text file with one name a line. A class with too few pixels keeps its bin '
                       'of that table, or bin 0 (no adjustment) (default: the published ADE20K '
                       'table)')
    group.add_argument('--min-pixels', type=int, default=MIN_PIXELS, metavar='N',
                       help='pixels that a class needs to get a new bin (default: %(default)s)')
    group.add_argument('--share', type=float, default=SHARE, metavar='S',
                       help="share of a class's pixels that its bin must cover (default: "
                       '%(default)s, as published)')
    group.add_argument('--form', choices=('released', 'printed'),
                       help='the formula of D in the released code (default), or the one printed '
                       'in the paper')


def add_clean_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        'which pixels are free of artifacts',
        'Default: the pixels outside the regions that are detected without label maps.')
    group.add_argument('--threshold', type=float, metavar='T',
                       help='default rule: detect where D is below T (default: 0.7)')
    group.add_argument('--min-area', default=RELEASED_AREA, metavar='A',
                       help='default rule: drop regions up to this area: SR pixels, a share of '
                       "the image (0.4%%), or auto, by the image's size (default: %(default)s px, "
                       'as released)')
    either = group.add_mutually_exclusive_group()
    either.add_argument('--clean', action='store_true',
                        help='all pixels, because you have looked at the images')
    either.add_argument('--masks', metavar='DIR',
                        help='the pixels outside these 0/255 masks, one for each image; black if '
                        'it is clean')


def detector_from(args: argparse.Namespace) -> DeSRA:
    given = {name: value for name, value in dict(
        threshold=args.threshold, min_area=args.min_area, form=args.form).items()
        if value is not None}
    return DeSRA(class_table=load_classes(args.classes), **given)


def clean_area_from(args: argparse.Namespace, detector: DeSRA) -> tuple[CleanArea, str]:
    """Return the rule and its description."""
    if args.clean:
        return everywhere, 'all, the images were said to be clean'
    if args.masks:
        return OutsideMasks(args.masks), 'outside masks made by hand'
    return outside_detections, (
        'outside the regions detected without label maps '
        f'(threshold {detector.threshold:g}, area above {detector.min_area})')


def main() -> int:
    args = parse_args()
    detector = detector_from(args)
    labels = labels_from(args, detector)
    if labels is None:  # DeSRA uses labels, and the options demand some
        raise InputError('give label maps: --labels or --segmentor')
    clean_area, description = clean_area_from(args, detector)
    make_output_folder(args.out)  # before hours of work
    refuse_same_files([Path(args.out, TABLE_NAME)], [args.classes])
    result = calibrate(pairs_from(args), labels, detector.class_table, detector, clean_area,
                       args.share, args.min_pixels)
    write_calibration(result, args.out, description,
                      dict(form=detector.form, labels=labels.describe()))
    print_classes(result)
    print(f'{args.out}/{TABLE_NAME}: {result.sources.count(CALIBRATED)} of '
          f'{len(result.sources)} classes calibrated on {result.images} pairs, the others kept '
          f'their bins; shares: {args.out}/{REPORT_NAME}')
    if result.skipped:
        print(f'skipped: {len(result.skipped)} of {len(result.skipped) + result.images}')
        return cli.EXIT_SKIPPED
    return 0


def print_classes(result: Calibration) -> None:
    """Print the calibrated classes, the most frequent first."""
    rows = zip(result.pixels, result.table.names, result.table.bins, result.fallback.bins,
               result.sources)
    print(f'{"class":24}{"pixels":>12}{"bin":>6}{"was":>6}')
    for pixels, name, found, before, source in sorted(rows, reverse=True):
        if source == CALIBRATED:
            print(f'{name:24}{pixels:12d}{found:6g}{before:6g}')
