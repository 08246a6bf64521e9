"""Judge the data of DeSRA's authors, and print the figures beside their published tables.

  mmdesra evaluate-desra DeSRA-dataset --out desra_evaluation

DIR has a folder for each model (LDL/, Real-ESRGAN/, …) with GAN-SR/, MSE-SR/, GT-Mask/,
DeSRA-Mask/ and LR/; other spellings and nestings are understood, and DIR may be the folder of one
model. For each model IoU, precision and recall are measured: of the stored masks, of masks that
DeSRA makes from the stored images, and of the other detectors that need no weights. Detectors that
need weights are added with --detector:
  --detector LPIPS:backbone_weights=vgg16.pth

Fine-tuned results (LDL-DeSRA/GAN-SR, LDL/GAN-SR-DeSRA) are judged, too: IoU before and after,
removal and addition rate, detail kept. Label maps are read from seg/, where the released script
writes them (give its results as a second DIR), or made with --segmentor. The released class table
(SSIM_MSE_GAN_threshold.txt) is used if DIR has it. More: docs/authors_data.md.
OUT gets results.md, results.json, results.csv, fine_tuned.csv, images.csv; --page adds pictures.
Exit code: 0 = all judged, 1 = something was left out (it is named), 2 = nothing was judged.
"""
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..apis import command_line as cli
from ..apis.detector_options import (
    add_segmentor_options,
    check_segmentor_options,
    detector_help,
    import_custom,
    labels_from,
)
from ..apis.evaluate_desra import all_contestants, choose_class_table, evaluate_models
from ..apis.evaluate_desra_page import write_tuned_pages
from ..apis.evaluate_desra_tables import (
    HOW,
    describe_folder,
    describe_model,
    folder_figures,
    is_judged,
    write_results,
)
from ..detectors import RELEASED_AREA
from ..errors import InputError
from ..evaluation.authors_folder import AuthorsFolder, read_authors_folder
from ..evaluation.standings import Contestant
from ..files.folder_lock import held_folder
from ..ops import MARGIN
from ..ops.scores import COVERAGE
from ..segmentors import LabelSource


def describe_not_run(not_built: Mapping[str, str]) -> list[str]:
    if not not_built:
        return []
    return ['not run (give what they need with --detector NAME:KEY=FILE,KEY=FILE):',
            *(f'  {name}: {why.partition(";")[0]}' for name, why in not_built.items())]


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('dirs', nargs='+', metavar='DIR',
                        help="the authors' folder, and further ones with files of the same models")
    parser.add_argument('--out', default='desra_evaluation', metavar='DIR',
                        help='where the results go (default: %(default)s)')
    parser.add_argument('--min-area', default=str(RELEASED_AREA), metavar='A',
                        help='drop regions up to this area, for every detector: SR pixels, a '
                        "share of the image (0.4%%), or auto, by the image's size (default: "
                        '%(default)s, as released)')
    parser.add_argument('--class-table', metavar='FILE',
                        help="DeSRA's class table (default: the released file if DIR has it, else "
                        "mmdesra's copy of it)")
    parser.add_argument('--detector', action='append', default=[], metavar='[LABEL=]DETECTOR',
                        help=f'{detector_help()}, as in compare-detectors; judged besides the '
                        'usual ones; give it several times for several')
    parser.add_argument('--custom-imports', nargs='+', default=(), metavar='MODULE_OR_FILE',
                        help='modules or .py files that define detectors of your own')
    parser.add_argument('--no-rivals', action='store_true',
                        help='judge only DeSRA and each --detector')
    parser.add_argument('--save-masks', action='store_true',
                        help='write masks to OUT/mask/MODEL/DETECTOR/NAME.png')
    parser.add_argument('--page', action='store_true',
                        help='write OUT/before_after_*.html: for each fine-tuned model the images '
                        'that had the most artifacts before')
    add_segmentor_options(parser.add_argument_group('semantic step, if DIR has no label maps '
                                                    '(default: off)'))
    cli.add_device_options(parser)
    parser.set_defaults(labels=None)
    return parser.parse_intermixed_args()  # a second DIR may come after options


def main() -> int:
    args = parse_args()
    import_custom(args.custom_imports)
    cli.check_device(args.device)
    check_segmentor_options(args)
    if os.path.realpath(args.out) in map(os.path.realpath, args.dirs):
        raise InputError(f'{args.out}: is read by this command; give another folder for the '
                         'results (--out)')
    folder = read_authors_folder(args.dirs, skip=[args.out])
    class_table = choose_class_table(folder, args.class_table)
    contestants, not_built = all_contestants(
        args.min_area, class_table, args.detector, not args.no_rivals, device=args.device,
        half=args.half)
    segmentor = labels_from(args, contestants[0].detector) if args.segmentor else None
    with held_folder(args.out):
        return evaluate(args, folder, class_table, contestants, not_built, segmentor)


def evaluate(args: argparse.Namespace, folder: AuthorsFolder, class_table: Path | None,
             contestants: Sequence[Contestant], not_built: Mapping[str, str],
             segmentor: LabelSource | None) -> int:
    taken = [describe_folder(folder), f'class table: {class_table or "the published one"}',
             *describe_not_run(not_built)]
    print('\n'.join(taken), end='\n\n', flush=True)
    results = list(evaluate_models(
        folder, contestants, segmentor, f'{args.out}/mask' if args.save_masks else None,
        tell=lambda text: print(text, file=sys.stderr)))
    tables = '\n\n'.join([*map(describe_model, results), HOW])
    print(tables)
    if not any(map(is_judged, results)):
        print('no image could be judged')
        return cli.EXIT_ERROR
    settings = dict(
        folder_figures(folder), p=COVERAGE, margin=MARGIN, class_table=str(class_table or ''),
        min_area=str(contestants[0].detector.min_area), segmentor=args.segmentor,
        detectors={one.name: one.detector.describe() for one in contestants},
        not_run=dict(not_built))
    written = write_results(results, args.out, tables, settings)
    for result in results if args.page else ():
        written += write_tuned_pages(result, contestants[0], args.out, segmentor)
    print(f'\nwritten: {", ".join(map(str, written))}')
    missing = len(folder.left_out) + sum(len(result.left_out) for result in results)
    if missing:
        print(f'left out: {missing}, see above, or {args.out}/results.json')
        return cli.EXIT_SKIPPED
    return 0
