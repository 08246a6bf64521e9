#!/usr/bin/env python3
"""Compare references without a sibling with a sibling: do they find the same artifacts?

  python tools/benchmarks/benchmark_references.py --lq 'bsd100_x4/*[13579].png' \\
      --generator SRResNet --gan-checkpoint srgan_gan.pth \\
      --mse-checkpoint srgan_mse.pth --min-area 1000

The sibling's masks are those at the published threshold, 0.7. In place of --mse-checkpoint, --mse
takes the sibling's images, matched by file stem. Figures: docs/references.md.
"""
from __future__ import annotations

import argparse

from tqdm import tqdm

from mmdesra.apis import command_line as cli
from mmdesra.errors import InputError
from mmdesra.evaluation.figures import decimal, percent
from mmdesra.evaluation.reference_agreement import ReferenceAgreement
from mmdesra.files import image_name, list_inputs, read_image
from mmdesra.files.image_folder import ImageFolder
from mmdesra.files.tables import markdown_table
from mmdesra.generators import SelfEnsemble, upscale


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--passes', type=int, nargs='+', default=[2, 4, 8], metavar='K',
                        help='passes of the self-ensemble (default: 2 4 8)')
    parser.add_argument('--thresholds', type=float, nargs='+', default=[.65, .7, .75],
                        metavar='T', help='artifact where D against the reference is below T '
                        '(default: 0.65 0.7 0.75)')
    parser.add_argument('--min-area', default=4000, metavar='A',
                        help='drop regions up to this area, in px or percent (default: 4000)')
    parser.add_argument('--mse', metavar='DIR', help="the sibling's images")
    cli.add_generator_options(parser, required=True)
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
    agreement = ReferenceAgreement(ensemble, args.passes, args.thresholds, args.min_area)
    for path in tqdm(list_inputs(args.lq, args.recursive).paths, 'images'):
        lq = read_image(path)
        mse = (upscale(sibling, lq, path) if sibling is not None else
               read_image(ImageFolder(args.mse).find(image_name(path))))
        agreement.add(lq, mse, path)
    print(table_of(agreement))
    return 0


def table_of(agreement: ReferenceAgreement) -> str:
    rows = [[name, f'{threshold:.2f}', decimal(scores.pixel_iou, 3),
             percent(scores.pixel_recall, 1), percent(scores.pixel_precision, 1),
             f'{scores.gt_found} of {scores.gt_regions}',
             f'{scores.pred_right} of {scores.pred_regions}', f'{one.psnr:.2f}']
            for name, one in agreement.agreements.items()
            for threshold, scores in one.scores.items()]
    return markdown_table(['reference', 'D below', 'IoU, all pixels', 'pixels found',
                           'of its own right', 'regions found', 'of its own right',
                           'PSNR to the sibling, dB'], rows)


if __name__ == '__main__':
    cli.run(main)
