"""Find the artifacts of GAN-SR images and write masks, overlays, tables and a report.

From existing SR images, matched by file stem:
  mmdesra detect --gan results/gan --mse results/mse --out artifacts

From LR images and two checkpoints of one generator; --recursive takes images in sub-folders, too:
  mmdesra detect --lq photos --generator SRResNet \\
      --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth --out artifacts

With the paper's semantic step, or with another detector:
  mmdesra detect --gan results/gan --mse results/mse --out artifacts \\
      --segmentor segformer-b5
  mmdesra detect --gan results/gan --mse results/mse --out artifacts \\
      --detector LDLStar --threshold 0.005

In several processes, one on each GPU, or sharing the CPU, with the same results:
  mmdesra detect --nproc 2 --gan results/gan --mse results/mse --out artifacts

After Ctrl-C, a kill or a full disk, the same command with --resume goes on where it stopped:
  mmdesra detect --gan results/gan --mse results/mse --out artifacts --resume

OUT gets report.html (open it in a browser; what does not fit into it lies in report_files/
beside it), mask/NAME.png (0/255, of the image's size), overlay/NAME.jpg, detections.csv and
detections.json; with --recursive mask/SUBFOLDER/NAME.png.
Exit code: 0 = all images done, 1 = some were skipped (they are named), 2 = nothing was done.
"""
from __future__ import annotations

import argparse

from mmengine.dist import is_main_process

from ..apis import command_line as cli
from ..apis.detect import detect_folder
from ..apis.detector_options import add_detector_options, detector_from, labels_from
from ..apis.launch import in_processes
from ..apis.pair_options import add_pair_options, pairs_from
from ..apis.processes import add_launcher_options, joined
from ..apis.results import TABLE_NAME, about_dropped, totals
from ..apis.run_results import REPORT_NAME
from ..detectors import AreaLimit
from ..segmentors import LabelSource


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('--out', required=True, metavar='DIR', help='where the results go')
    parser.add_argument('--save-map', action='store_true',
                        help="also write map/NAME.png, the detector's map in 16 bits, its range "
                        'scaled to 0 ... 65535 (DeSRA: 65535 = 1.0 = no artifact)')
    parser.add_argument('--save-sr', action='store_true',
                        help='also write sr/gan/NAME.png and sr/mse/NAME.png')
    parser.add_argument('--no-report', action='store_true', help='do not write report.html')
    parser.add_argument('--resume', action='store_true',
                        help='continue a stopped run, which must have had the same settings; if '
                        'there is none, start from the beginning. Images that have changed since, '
                        'have lost a file in OUT, or were skipped are done again')
    add_pair_options(parser)
    add_detector_options(parser)
    add_launcher_options(parser)
    return parser.parse_args()


def main() -> int:
    return in_processes('detect', parse_args(), detect_images)


def detect_images(args: argparse.Namespace) -> int:
    with joined(args.launcher):
        detector = detector_from(args)
        source = pairs_from(args, detector.uses_mse)
        labels = labels_from(args, detector)
        results = detect_folder(source, detector, args.out, labels, args.save_map, args.save_sr,
                                report=not args.no_report, resume=args.resume)
        figures = totals(results)
        if is_main_process():
            tell(args, figures, labels, source.left_out, about_dropped(results),
                 detector.min_area)
            if figures['skipped'] and not figures['images']:
                cli.tell_all_skipped([result.error for result in results])
    if figures['skipped']:
        return cli.EXIT_SKIPPED if figures['images'] else cli.EXIT_ERROR
    return 0


def tell(args: argparse.Namespace, figures: dict, labels: LabelSource | None,
         left_out: list[str], dropped: str, min_area: AreaLimit) -> None:
    print('{images} images: {images_with_artifacts} with artifacts, {regions} regions, '
          '{artifact_px} artifact pixels'.format(**figures))
    if dropped:
        print(f'dropped for their size ({min_area}): {dropped}')
    print(f'table: {args.out}/{TABLE_NAME}' + (
        '' if args.no_report else f'; report: {args.out}/{REPORT_NAME}'))
    if labels is not None and labels.is_dear:
        print(f'segmenter: run on {figures["labelled"]} of {figures["images"]} images, the others '
              'have no artifact with any labels')
    if figures['skipped']:
        print(f'skipped: {figures["skipped"]} of {figures["images"] + figures["skipped"]}; '
              'the table says why')
    for sentence in left_out:
        print(sentence)
