"""Score detected artifact masks: IoU, precision, recall; removal and addition by fine-tuning.

Against human masks, matched by file stem:
  mmdesra evaluate-masks --pred artifacts/mask --gt human_masks

Before against after fine-tuning, with the detail kept; human masks (--gt) may be added:
  mmdesra evaluate-masks --pred after/mask --before before/mask \\
      --pred-images after/sr/gan --before-images before/sr/gan --mse-images before/sr/mse

SR images against the true ones, inside and outside the masks; of one model, or before and after:
  mmdesra evaluate-masks --pred artifacts/mask --pred-images artifacts/sr/gan \\
      --mse-images artifacts/sr/mse --gt-images photographs \\
      --perceptual LPIPS --backbone-weights alexnet.pth

Masks are 0/255 images of the SR images' size; an image without artifacts needs a black one. Every
image in --gt is scored (without --gt those in --before, else in --gt-images). A pattern in quotes
('masks/**/*.png') may replace a folder. docs/scores.md defines every figure.
Exit code: 0 = all images scored, 1 = some were skipped (they are named), 2 = nothing was scored.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from ..apis import command_line as cli
from ..apis.match_options import add_match_options
from ..apis.perceptual_options import add_perceptual_options, perceptual_from
from ..evaluation.figures import decimal, percent
from ..evaluation.mask_scores import COLUMNS, FolderScores, MaskFolders, score_folders
from ..evaluation.truth_table import truth_text
from ..files import make_output_folder
from ..files.tables import markdown_table, write_csv, write_json
from ..ops import MaskScores

CLEAN = ('an image without artifacts counts as IoU 1 if nothing is detected and as 0 if something '
         'is; the last columns show these images separately')


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('--pred', required=True, metavar='DIR',
                        help='detected masks; with --before, those after fine-tuning')
    parser.add_argument('--gt', metavar='DIR', help='human (or otherwise known) masks')
    parser.add_argument('--before', metavar='DIR',
                        help='masks detected before fine-tuning: adds removal and addition rate')
    parser.add_argument('--pred-images', metavar='DIR',
                        help='SR images after fine-tuning (or of the only model): adds the detail '
                        'kept, or with --gt-images the distance to the true images')
    parser.add_argument('--before-images', metavar='DIR', help='SR images before fine-tuning')
    cli.add_recursive_option(parser)
    parser.add_argument('--mse-images', metavar='DIR', help='MSE-SR images, the reference: with '
                        'images before and after, adds how much of the excess texture is left')
    parser.add_argument('--gt-images', metavar='DIR', help='true images: adds the distance of '
                        'all SR images to them, inside and outside the masks')
    add_perceptual_options(parser)
    add_match_options(parser)
    parser.add_argument('--per-image', action='store_true', help='also print each image')
    parser.add_argument('--json', type=Path, metavar='FILE', default=Path('mask_scores.json'),
                        help='the file for all figures (default: %(default)s in the working '
                        'folder)')
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write a table of the images')
    args = parser.parse_args()
    if args.gt is None and args.before is None and args.gt_images is None:
        parser.error('give --gt, --before, or both; or --gt-images')
    return args


def main() -> int:
    args = parse_args()
    folders = MaskFolders(args.pred, args.gt, args.before, args.pred_images, args.before_images,
                          args.mse_images, args.gt_images)
    written = list(filter(None, (args.json, args.csv)))
    for path in written:
        make_output_folder(path.parent)
    result = score_folders(folders, args.p, args.margin, perceptual_from(args), args.recursive)
    write_json(args.json, result.figures())
    if args.csv:
        write_csv(args.csv, COLUMNS, (image.row() for image in result.images))
    print('\n\n'.join(describe(result, args.per_image)))
    print(f'\nwritten: {", ".join(map(str, written))}')
    if len(result.done) < len(result.images):
        print(f'skipped: {len(result.images) - len(result.done)} of {len(result.images)}')
        return cli.EXIT_SKIPPED if result.done else cli.EXIT_ERROR
    return 0


def describe(result: FolderScores, per_image: bool) -> list[str]:
    """Return the text to print: tables in Markdown, and a line for each other figure."""
    parts = [f'{len(result.done)} images']
    if result.scores:
        rows = {'masks': result.scores}
        if result.scores_before:
            rows = {'before': result.scores_before, 'after': result.scores}
        parts.append(score_table('', rows))
        if result.scores.clean_images:
            parts.append(CLEAN)
    sums = result.sums
    if sums.changes:
        changes = sums.changes
        parts.append(
            f'regions {changes.before} -> {changes.after}: '
            f'removal rate {percent(changes.removal_rate)} ({changes.removed} removed), '
            f'addition rate {percent(changes.addition_rate)} ({changes.added} added)')
    if sums.fading:
        fading = sums.fading
        parts.append(f'{fading.gone} gone, {fading.faded} faded (removed, but more than half of '
                     f'the excess texture is left), {fading.left} left; excess left '
                     f'{percent(fading.excess_left)}')
    if sums.detail:
        parts.append(f'detail kept {decimal(sums.detail.kept)}')
    if sums.truth:
        known = sums.truth.images
        parts.append(f'against the true images ({known} of {len(result.done)})\n'
                     + truth_text(sums.truth.figures(), result.perceptual))
    if per_image and result.scores:
        parts.append(score_table('image', {image.image: image.scores for image in result.done
                                           if image.scores}))
    elif per_image:
        parts.append(markdown_table(
            ['image', 'before', 'after', 'removed', 'added'],
            [[image.image] + [str(getattr(image.sums.changes, name))
                              for name in ('before', 'after', 'removed', 'added')]
             for image in result.done]))
    return parts


def score_table(title: str, rows: dict[str, MaskScores]) -> str:
    return markdown_table(
        [title, 'IoU', 'Precision', 'Recall', 'right / detected', 'found / true',
         'clean images', 'IoU of the others'],
        [[name, percent(scores.iou), decimal(scores.precision), decimal(scores.recall),
          f'{scores.pred_right} / {scores.pred_regions}',
          f'{scores.gt_found} / {scores.gt_regions}',
          f'{scores.clean_right} / {scores.clean_images}', percent(scores.artifact_iou)]
         for name, scores in rows.items()])
