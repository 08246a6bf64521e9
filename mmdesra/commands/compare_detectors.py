"""Compare detectors on images with known artifacts: the paper's Table 1 on your own data.

  mmdesra compare-detectors --gan bench/gan --mse bench/mse --gt bench/mask \\
      --detector DeSRA --detector LDLStar:threshold=0.005 \\
      --detector 'SSIM 0.6={"type": "SSIM", "threshold": 0.6}' --min-area 1000 --out comparison

A detector is [LABEL=]NAME, [LABEL=]NAME:KEY=VALUE,KEY=VALUE, [LABEL=]JSON or [LABEL=]FILE.py
(with detector = dict(type=...)). With labels=False a detector does not get the label maps:
  --labels bench/labels --detector DeSRA --detector 'without labels=DeSRA:labels=False'

Every image in --gt is judged; the others are matched to it by file stem. OUT gets comparison.md,
comparison.csv, comparison.json, sweep.csv (scores over the thresholds), images.csv and
precision_recall.png. docs/scores.md defines every figure.
Exit code: 0 = all images compared, 1 = some were skipped (they are named), 2 = nothing was done.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..apis import command_line as cli
from ..apis.compare_detectors import (
    MARKDOWN_NAME,
    table_of_best,
    table_of_detectors,
    write_comparison,
)
from ..apis.contestants import Contestant, labels_for, read_contestants
from ..apis.detector_options import add_label_options, detector_help, import_custom
from ..apis.match_options import add_match_options
from ..apis.pair_options import add_pair_options, pairs_from
from ..detectors import RELEASED_AREA
from ..evaluation.detector_comparison import compare_detectors
from ..files.folder_lock import held_folder
from ..generators import PairSource
from ..segmentors import LabelSource


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('--gt', required=True, metavar='DIR',
                        help="human (or otherwise known) masks, 0/255, of the SR images' size")
    parser.add_argument('--out', required=True, metavar='DIR', help='where the results go')
    parser.add_argument('--detector', action='append', metavar='[LABEL=]DETECTOR',
                        help=f'{detector_help()}; several times for several (default: DeSRA)')
    parser.add_argument('--custom-imports', nargs='+', default=(), metavar='MODULE_OR_FILE',
                        help='modules or .py files that define detectors of your own')
    parser.add_argument('--min-area', default=RELEASED_AREA, metavar='A',
                        help='drop regions up to this area, for detectors without a min_area of '
                        "their own: SR pixels, a share of the image (0.4%%), or auto, by the "
                        "image's size (default: %(default)s px, as released)")
    parser.add_argument('--thresholds', action='append', default=[], metavar='LABEL=T,T,...',
                        help='thresholds at which the detector LABEL is scored, in its own unit '
                        '(default: quantiles of its map)')
    add_match_options(parser)
    parser.add_argument('--save-masks', action='store_true',
                        help="also write each detector's masks to OUT/mask/LABEL/NAME.png")
    add_pair_options(parser)
    add_label_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    import_custom(args.custom_imports)
    contestants = read_contestants(args.detector or ['DeSRA'], args.min_area, args.thresholds,
                                   device=args.device, half=args.half)
    source = pairs_from(args, any(one.detector.uses_mse for one in contestants))
    labels = labels_for(args, contestants)
    with held_folder(args.out):
        return compare(args, source, contestants, labels)


def compare(args: argparse.Namespace, source: PairSource, contestants: Sequence[Contestant],
            labels: LabelSource | None) -> int:
    comparison = compare_detectors(source, contestants, args.gt, labels, args.p, args.margin,
                                   f'{args.out}/mask' if args.save_masks else None,
                                   args.recursive)
    if not comparison.num_images:
        print('no image could be compared')
        return cli.EXIT_ERROR
    settings = {name: getattr(args, name) for name in (
        'gan', 'mse', 'lq', 'gan_checkpoint', 'mse_checkpoint', 'generator', 'gt', 'labels',
        'segmentor', 'segmentor_checkpoint') if getattr(args, name)}
    write_comparison(comparison, args.out, settings)
    print(f'{comparison.num_images} images', table_of_detectors(comparison),
          'With the threshold that is best on these images:', table_of_best(comparison),
          f'written to {args.out}/{MARKDOWN_NAME} and beside it', sep='\n\n')
    if comparison.skipped:
        print(f'skipped: {len(comparison.skipped)} of '
              f'{len(comparison.skipped) + comparison.num_images}')
        return cli.EXIT_SKIPPED
    return 0
