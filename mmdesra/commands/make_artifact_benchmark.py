"""Make a benchmark for artifact detectors: known artifacts in clean GAN-SR images.

  mmdesra make-artifact-benchmark --gan results/gan --mse results/mse --out benchmark

Takes the cleanest pairs and adds synthetic artifacts of five kinds (stipple, strokes, stripes,
grid, colour noise) at known places, on smooth, medium, textured and mixed content, in three
strengths. OUT gets gan/NAME.png, mse/NAME.png (unchanged), gt/NAME.png (0/255) and manifest.json.
A pair is used several times, each time with other artifacts. The same pairs and seed give the same
files. docs/artifact_benchmark.md says how the kinds were measured, and names the limits.

Then: mmdesra compare-detectors --gan benchmark/gan --mse benchmark/mse --gt benchmark/gt
Exit code: 0 = all pairs could be used, 1 = some were skipped (they are named), 2 = nothing made.
"""
from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

from ..apis import command_line as cli
from ..apis.pair_options import add_pair_options, pairs_from
from ..evaluation.artifact_benchmark import BenchmarkSettings, make_artifact_benchmark
from ..evaluation.clean_pairs import CLEAN_MIN_AREA
from ..files.folder_lock import held_folder


def parse_args() -> argparse.Namespace:
    default = BenchmarkSettings()
    parser = cli.make_parser(__doc__)
    parser.add_argument('--out', required=True, metavar='DIR', help='a new or empty folder')
    add_pair_options(parser)
    group = parser.add_argument_group('benchmark')
    group.add_argument('--count', type=int, default=default.count, metavar='N',
                       help='images to make (default: %(default)s)')
    group.add_argument('--seed', type=int, default=default.seed, metavar='N',
                       help='the same seed gives the same files (default: %(default)s)')
    group.add_argument('--areas', type=int, nargs=2, default=default.areas, metavar='PX',
                       help='smallest and largest area of an artifact in px (default: 1200 12000, '
                       'for images of about 480x320)')
    group.add_argument('--strengths', type=float, nargs='+', default=default.strengths,
                       metavar='L', help='root mean squares of an artifact, in 8-bit levels '
                       '(default: 6 12 24)')
    group.add_argument('--max-artifacts', type=int, default=default.max_artifacts, metavar='N',
                       help='artifacts in an image: 1 to N (default: %(default)s)')
    group.add_argument('--untouched-share', type=float, default=default.untouched_share,
                       metavar='S', help='share of the images that get no artifact, as true '
                       'negatives (default: %(default)s)')
    group.add_argument('--clean-pairs', type=int, default=default.clean_pairs, metavar='N',
                       help='use the N cleanest pairs; 0 = all, if you have chosen them yourself '
                       '(default: %(default)s)')
    group.add_argument('--clean-by', nargs='*', default=default.clean_by, metavar='DETECTOR',
                       help='detectors that vote which pairs are cleanest, each by the area that '
                       f'it marks (regions over {CLEAN_MIN_AREA} px, no label maps) '
                       '(default: ' + ' '.join(map(str, default.clean_by)) + ')')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    chosen = {setting.name: getattr(args, setting.name) for setting in fields(BenchmarkSettings)}
    options: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value
                               for name, value in chosen.items()}
    settings = BenchmarkSettings(**options)
    with held_folder(args.out):
        manifest = make_artifact_benchmark(pairs_from(args), args.out, settings)
    count = sum(len(image.artifacts) for image in manifest.images)
    untouched = sum(not image.artifacts for image in manifest.images)
    print(f'{args.out}: {len(manifest.images)} images from {len(manifest.clean_pairs)} pairs, '
          f'{count} artifacts, {untouched} images untouched')
    for name, reason in manifest.skipped.items():
        print(f'skipped: {name}: {reason}')
    return cli.EXIT_SKIPPED if manifest.skipped else 0
