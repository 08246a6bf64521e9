#!/usr/bin/env python3
"""Cure one model with each of the three references, and judge all by the same.

  .venv/bin/python tools/reproductions/compare_references.py --gan srgan_gan.pth \
      --mse srgan_mse.pth --photographs train --heldout test --heldout-gt test_gt \
      --out work_dirs/references

The reference is the published sibling, a partner made from the photographs, or the self-ensemble.
Each cure gets the same photographs, holds the same ones out and has the same iterations. The
table is of the held-out photographs, judged with the sibling and with their truth, whatever the
cure was made with. A cure that is done is not made again; a stopped one goes on. Prints Markdown
(docs/cure.md shows it) and writes OUT/references.json.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from demo import DETECTOR, run_command

from mmdesra.apis import command_line as cli
from mmdesra.apis.perceptual_options import add_perceptual_options, perceptual_from
from mmdesra.commands.cure import EXIT_NO_HELP
from mmdesra.detectors import build_detector
from mmdesra.errors import InputError
from mmdesra.evaluation.before_after import BeforeAfter
from mmdesra.evaluation.figures import percent
from mmdesra.evaluation.perceptual import name_perceptual
from mmdesra.files import make_output_folder
from mmdesra.files.hashes import weights_sha256
from mmdesra.files.records import describe_difference, read_json
from mmdesra.files.tables import markdown_table, write_json
from mmdesra.generators import load_upscaler
from mmdesra.generators.recognise import recognise

REFERENCES = ('sibling', 'partner', 'self-ensemble')
HOURS = 1000
"""For a cure: no photograph is left out for want of time."""


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    for name, text in (('gan', 'weights of the model to cure'), ('mse', 'those of its sibling')):
        parser.add_argument(f'--{name}', required=True, type=Path, metavar='FILE', help=text)
    for name, text in (('photographs', 'to train on'), ('heldout', 'to judge with'),
                       ('heldout-gt', 'their ground truths')):
        parser.add_argument(f'--{name}', required=True, type=Path, metavar='DIR', help=text)
    parser.add_argument('--out', required=True, type=Path, metavar='DIR')
    parser.add_argument('--iters', type=int, default=200, metavar='N',
                        help='of fine-tuning (default: %(default)s)')
    parser.add_argument('--partner-iters', type=int, default=120, metavar='N',
                        help='of training the partner, at most (default: %(default)s)')
    add_perceptual_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    make_output_folder(args.out)
    check_settings(args)
    judge = Judge(args)
    rows = {}
    for name in REFERENCES:
        print(f'\n=== {name}', flush=True)
        rows[name] = dict(cure(args, name), **judge.figures(weights_of(args, name)))
        write_json(args.out / 'references.json', rows)
    print('\n' + table(rows))
    return 0


def check_settings(args: argparse.Namespace) -> None:
    """Refuse a folder of other runs.

    Raises:
        InputError: If it is one.
    """
    settings = {name: str(value) for name, value in vars(args).items() if name != 'out'}
    file = args.out / 'settings.json'
    if file.is_file():
        known = read_json(file, dict, 'give another --out')
        if known != settings:
            raise InputError(f'{file}: is of other settings '
                             f'({describe_difference(known, settings)}); give another --out')
    write_json(file, settings)


def cure(args: argparse.Namespace, name: str) -> dict:
    """Cure with a reference, unless that is done."""
    out = args.out / name
    if not (out / 'cure.json').is_file():
        reference = ['--mse', args.mse] if name == 'sibling' else ['--reference', name]
        distance = [] if not args.perceptual else [
            '--perceptual', args.perceptual, '--backbone-weights', args.backbone_weights]
        run_command('cure', args.gan, args.photographs, '--heldout', args.heldout, '--out', out,
                    *reference, *distance, '--max-hours', HOURS, '--max-iters', args.iters,
                    '--partner-iters', args.partner_iters,
                    accepted=(0, cli.EXIT_SKIPPED, EXIT_NO_HELP))
    said = read_json(out / 'cure.json', dict, 'delete it')
    return dict(outcome=said['outcome'], reference=said['reference'],
                pseudo_gts=said['found']['with_artifacts'],
                iteration=said['trained']['iteration'])


def weights_of(args: argparse.Namespace, name: str) -> Path:
    """Those of a cure, also of one that did not help by its own judgement."""
    return args.out / name / 'work/result.pth'


class Judge:
    """Compares weights with the model on the held-out photographs."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.folder = args.out / 'judged'
        self.network = recognise(args.gan).generator
        self.gan = args.gan
        self.images = BeforeAfter(
            args.heldout, load_upscaler(self.network, args.mse), build_detector(DETECTOR),
            self.folder, gt_dir=args.heldout_gt, perceptual=perceptual_from(args))

    def figures(self, weights: Path) -> dict:
        """Return the figures of weights; those that are known are not measured again."""
        sha256 = weights_sha256(weights)
        file = self.folder / f'{sha256[:16]}.json'
        if not file.is_file():
            if not self.images.knows_before:
                self.images.measure_before(load_upscaler(self.network, self.gan))
            comparison = self.images.measure_after(load_upscaler(self.network, weights), False)
            figures = asdict(comparison)
            del figures['per_image']
            write_json(file, figures)
        return read_json(file, dict, 'delete it')


def table(rows: dict[str, dict]) -> str:
    """Return the figures of all, a column a reference."""
    lines: dict[str, list[str]] = {}
    for row in rows.values():
        for label, text in cells(row):
            lines.setdefault(label, []).append(text)
    return markdown_table(['', *rows], [[label, *texts] for label, texts in lines.items()])


def cells(row: dict) -> Iterator[tuple[str, str]]:
    yield "the cure's own judgement", row['outcome']
    yield 'pseudo GTs', str(row['pseudo_gts'])
    yield 'iteration of the result', str(row['iteration'])
    yield 'held-out photographs', str(row['images'])
    yield 'regions', f'{row["regions_before"]} -> {row["regions_after"]}'
    yield 'removed', percent(row['removal_rate'], 1)
    yield 'of them faded', str(row['faded'])
    yield 'added', percent(row['addition_rate'], 1)
    yield 'excess left', percent(row['excess_left'], 1)
    yield 'detail kept', f'{row["detail_kept"]:.4f}'
    measures = [('texture_error', 'texture error', 2), ('psnr', 'PSNR, dB', 2)]
    if row['perceptual']:
        measures.append(('perceptual', name_perceptual(row['perceptual']), 4))
    for place in ('inside', 'outside'):
        for key, title, digits in measures:
            before, after = (row['truth'][place][version][key] for version in ('before', 'after'))
            yield f'{title}, {place}', f'{before:.{digits}f} -> {after:.{digits}f}'


if __name__ == '__main__':
    cli.run(main)
