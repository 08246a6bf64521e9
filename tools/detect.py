#!/usr/bin/env python3
"""Find the artifacts of GAN-SR images and write masks, overlays and a table.

From SR images already made, matched by file stem:
  python tools/detect.py --gan results/gan --mse results/mse --out artifacts

From LR images and two checkpoints of one generator:
  python tools/detect.py --lq photos --generator SRResNet \\
      --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth --out artifacts

OUT gets mask/NAME.png (0/255, the image's size), overlay/NAME.jpg and detections.csv.
Exit code: 0 = all images done, 1 = some were skipped (they are named), 2 = nothing was done.
"""
from __future__ import annotations

import argparse

from mmdesra.apis import command_line as cli
from mmdesra.apis.detect import TABLE_NAME, detect_folder
from mmdesra.generators import PairSource, StoredPairs

STORED = ('gan', 'mse')
GENERATED = ('lq', 'gan_checkpoint', 'mse_checkpoint', 'generator')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', required=True, metavar='DIR', help='where the results go')
    parser.add_argument('--save-map', action='store_true',
                        help='also write map/NAME.png: 16 bits, 65535 = 1.0 = no artifact')
    parser.add_argument('--save-sr', action='store_true',
                        help='also write sr/gan/NAME.png and sr/mse/NAME.png')
    stored = parser.add_argument_group('from SR images')
    stored.add_argument('--gan', metavar='DIR', help='folder of GAN-SR images')
    stored.add_argument('--mse', metavar='DIR', help='folder of MSE-SR images, same stems')
    cli.add_generator_options(parser)
    cli.add_detector_options(parser)
    args = parser.parse_args()
    given = {name for name in STORED + GENERATED if getattr(args, name)}
    if given != set(STORED) and given != set(GENERATED):
        parser.error('give either --gan and --mse, or all of --lq, --gan-checkpoint, '
                     '--mse-checkpoint and --generator')
    return args


def main() -> int:
    args = parse_args()
    detector, labels = cli.detector_from(args), cli.labels_from(args)
    source: PairSource = (StoredPairs(args.gan, args.mse) if args.gan
                          else cli.generated_pairs_from(args))
    results = detect_folder(source, detector, args.out, labels, args.save_map, args.save_sr)
    done = [result for result in results if not result.error]
    found = [result for result in done if result.regions]
    print(f'{len(done)} images: {len(found)} with artifacts, '
          f'{sum(result.regions for result in found)} regions, '
          f'{sum(result.artifact_px for result in found)} artifact pixels; '
          f'table: {args.out}/{TABLE_NAME}')
    if len(done) < len(results):
        print(f'skipped: {len(results) - len(done)} of {len(results)}; the table says why')
        return cli.EXIT_SKIPPED if done else cli.EXIT_ERROR
    return 0


if __name__ == '__main__':
    cli.run(main)
