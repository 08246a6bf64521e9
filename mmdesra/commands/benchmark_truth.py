"""Make a benchmark for artifact detectors: artifacts are where a GAN departs from photographs.

  mmdesra benchmark-truth --truth photographs --generator SRResNet \\
      --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth --out truth_benchmark \\
      --distance LPIPS --distance-options net=alex backbone_weights=alexnet.pth

Photographs are reduced to LR images, enlarged by the GAN and by a reference (its MSE-trained
sibling, or else bicubic), and both results are compared with the photographs. OUT gets gan/, mse/
(the reference), truth/ and lq/, and masks of three kinds, which are never mixed:
  gt/strength     the texture is too strong, and farther from the photograph's than the reference's
  gt/even_ground  there is texture where the photograph has next to none
  gt/perceptual   the patch is farther from the photograph than the reference's, by LPIPS or DISTS
manifest.json records weights, settings and seed; with the same ones the files are the same.
docs/truth_benchmark.md names the limits.

Then, for each kind:
  mmdesra compare-detectors --gan OUT/gan --mse OUT/mse --gt OUT/gt/strength \\
      --min-area 300 --detector DeSRA --detector SSIM --out comparison_strength
Exit code: 0 = all photographs used, 1 = some were skipped (they are named), 2 = nothing was made.
"""
from __future__ import annotations

import argparse

from ..apis import command_line as cli
from ..apis.truth_benchmark import make_truth_benchmark
from ..apis.truth_options import (
    add_distance_options,
    add_rule_options,
    add_truth_source_options,
    distance_from,
    rules_from,
    truth_source_from,
)
from ..datasets.photographs import Cutting
from ..evaluation.truth_labels import TruthRules
from ..files.folder_lock import held_folder


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('--out', required=True, metavar='DIR', help='a new or empty folder')
    add_truth_source_options(parser, Cutting())
    add_rule_options(parser, TruthRules())
    add_distance_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    rules, distance = rules_from(args), distance_from(args)
    source = truth_source_from(args)
    with held_folder(args.out):
        benchmark = make_truth_benchmark(source, args.out, rules, distance)
    print(f'{args.out}: {len(benchmark.images)} images; the reference is the {source.reference}',
          benchmark.table(), sep='\n\n')
    if distance is None:
        print('no perceptual masks: give --distance')
    for name, reason in source.skipped.items():
        print(f'skipped: {name}: {reason}')
    return cli.EXIT_SKIPPED if source.skipped else 0
