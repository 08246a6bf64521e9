#!/usr/bin/env python3
"""Compare references without a sibling with a sibling: do they find the same artifacts?

  python tools/benchmarks/benchmark_references.py --lq 'bsd100_x4/*[13579].png' \\
      --generator SRResNet --gan-checkpoint srgan_gan.pth \\
      --mse-checkpoint srgan_mse.pth --min-area 1000

The sibling's masks are those at the published threshold, 0.7. In place of --mse-checkpoint, --mse
takes the sibling's images, matched by file stem. With --partner an MSE partner is compared, too,
with one pass and with as many as --passes says. Figures: docs/references.md.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator

from harness.report import Report, add_json_option
from tqdm import tqdm

from mmdesra.apis import command_line as cli
from mmdesra.errors import InputError
from mmdesra.evaluation.reference_agreement import ReferenceAgreement
from mmdesra.files import image_name, list_inputs, read_image
from mmdesra.files.image_folder import ImageFolder
from mmdesra.generators import SelfEnsemble, make_reference
from mmdesra.generators.pairs import check_pair

FORMATS = {'D below': '.2f', 'IoU, all pixels': '.3f', 'pixels found': '.1%',
           'of its own right': '.1%', 'PSNR to the sibling, dB': '.2f'}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--passes', type=int, nargs='+', default=[2, 4, 8], metavar='K',
                        help='passes of the self-ensemble and of the partner (default: 2 4 8)')
    parser.add_argument('--partner', metavar='FILE', help='weights of an MSE partner, to be '
                        'compared, too')
    parser.add_argument('--thresholds', type=float, nargs='+', default=[.65, .7, .75],
                        metavar='T', help='artifact where D against the reference is below T '
                        '(default: 0.65 0.7 0.75)')
    parser.add_argument('--min-area', default=4000, metavar='A',
                        help='drop regions up to this area, in px or percent (default: 4000)')
    parser.add_argument('--mse', metavar='DIR', help="the sibling's images")
    cli.add_generator_options(parser, required=True)
    add_json_option(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if bool(args.mse) == bool(args.mse_checkpoint) or args.reference:
        raise InputError('give the sibling that references are compared with: --mse-checkpoint '
                         'or --mse')
    gan = cli.upscaler_from(args, args.gan_checkpoint)
    sibling = cli.upscaler_from(args, args.mse_checkpoint) if args.mse_checkpoint else None
    for passes in sorted(args.passes):  # each is tried before work begins
        ensemble = SelfEnsemble(gan, passes)  # type: ignore[operator]  # the registry hides the class
    partner = cli.upscaler_from(args, args.partner) if args.partner else None
    for other in (sibling, partner):
        if other is not None:
            check_pair(gan, other)
    agreement = ReferenceAgreement(ensemble, args.passes, args.thresholds, args.min_area, partner)
    paths = list_inputs(args.lq, args.recursive).paths
    report = Report({'images': len(paths), 'min area': args.min_area}, args.device)
    for path in tqdm(paths, 'images'):
        lq = read_image(path)
        mse = (make_reference(sibling, lq, lq, path) if sibling is not None else
               read_image(ImageFolder(args.mse).find(image_name(path))))
        agreement.add(lq, mse, path)
    report.table([*rows_of(agreement)], FORMATS)
    report.give(args.json)
    return 0


def rows_of(agreement: ReferenceAgreement) -> Iterator[dict]:
    """Give a row for each reference and threshold."""
    for name, one in agreement.agreements.items():
        for threshold, scores in one.scores.items():
            yield {'reference': name, 'D below': threshold, 'IoU, all pixels': scores.pixel_iou,
                   'pixels found': scores.pixel_recall,
                   'of its own right': scores.pixel_precision,
                   'regions found': f'{scores.gt_found} of {scores.gt_regions}',
                   'own regions right': f'{scores.pred_right} of {scores.pred_regions}',
                   'PSNR to the sibling, dB': one.psnr}


if __name__ == '__main__':
    cli.run(main)
