"""Make a pseudo-GT folder: MSE-SR pixels inside the artifacts, GAN-SR pixels elsewhere.

  mmdesra make-pseudo-gt --lq photos --generator SRResNet \\
      --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth --out pseudo_gt

OUT gets gt/NAME.png and mask/NAME.png for each image with artifacts, and manifest.json. Stop at
any moment and run the same command again: it goes on where it stopped.

In several processes, one on each GPU, or sharing the CPU, with the same results:
  mmdesra make-pseudo-gt --nproc 2 --lq photos --generator SRResNet \\
      --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth --out pseudo_gt

To correct the pseudo GTs by hand, delete, repaint or add masks in OUT/mask, then run the command
again with --recompose. You may draw masks in any program (docs/scores.md says what is read); what
you drew is kept in OUT/drawn. If a mask is deleted or all black, its pair is dropped; if a mask
cannot be used, it is named and left as it is.
Exit code: 0 = all images done, 1 = some were skipped (they are named), 2 = nothing was done.
"""
from __future__ import annotations

import argparse

from mmengine.dist import is_main_process

from ..apis import command_line as cli
from ..apis.detector_options import add_detector_options, detector_from, labels_from
from ..apis.launch import in_processes
from ..apis.processes import add_launcher_options, joined
from ..apis.pseudo_gt import make_pseudo_gts
from ..datasets.pseudo_gt_folder import Manifest
from ..detectors import AreaLimit
from ..files.dropped_regions import OPTION


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('--out', required=True, metavar='DIR', help='the pseudo-GT folder')
    parser.add_argument('--recompose', action='store_true',
                        help='make the pseudo GTs again for masks that were changed by hand')
    cli.add_generator_options(parser, required=True)
    add_detector_options(parser)
    add_launcher_options(parser)
    return parser.parse_args()


def main() -> int:
    return in_processes('make-pseudo-gt', parse_args(), make_folder)


def make_folder(args: argparse.Namespace) -> int:
    with joined(args.launcher):
        detector = detector_from(args)
        labels = labels_from(args, detector)
        manifest = make_pseudo_gts(cli.generated_pairs_from(args), detector, args.out, labels,
                                   args.recompose)
        if is_main_process():
            tell(args, manifest, detector.min_area)
            if manifest.skipped and not manifest.records:
                cli.tell_all_skipped(manifest.skipped.values())
    if manifest.skipped:
        return cli.EXIT_SKIPPED if manifest.records else cli.EXIT_ERROR
    return 0


def tell(args: argparse.Namespace, manifest: Manifest, min_area: AreaLimit) -> None:
    pairs = [record for record in manifest.records if record.regions]
    print(f'{args.out}: {len(pairs)} pseudo GTs with {sum(r.regions for r in pairs)} regions; '
          f'{len(manifest.records) - len(pairs)} images are clean')
    dropped = manifest.about_dropped(OPTION)
    if dropped:
        print(f'dropped for their size ({min_area}): {dropped}')
    for name, reason in manifest.skipped.items():
        print(f'skipped: {name}: {reason}')
