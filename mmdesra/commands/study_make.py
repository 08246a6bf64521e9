"""Make the page of a user study: which of two pictures has fewer artifacts, more detail?

The questions of the paper about held-out images: after fine-tuning against before (which has fewer
artifacts?), and after against MSE-SR (which has more detail?), cut around the artifacts:
  mmdesra study make --heldout work_dirs/run/heldout --repeats 2 --out study.html

Any folders with images of the same file stems, each --pair with a question of its own:
  mmdesra study make --pair ours=results/ours theirs=results/theirs \\
      --pair ours=results/ours bicubic=results/bicubic 'Which is sharper?' --out study.html

Give the file to participants: it opens in any browser, also on phones, needs no network, and does
not say which picture is which. Each participant saves a CSV file and sends it back; `mmdesra study
tally` counts the answers. More: docs/user_study.md.
Exit code: 0 = done, 1 = done, but some images were skipped (they are named), 2 = no study.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from ..apis import command_line as cli
from ..apis.study_questions import (
    CROP_SIDE,
    FEWER_ARTIFACTS,
    HELDOUT_MASKS,
    HELDOUT_PAIRS,
    MORE_DETAIL,
    PREFERENCE,
    heldout_pairs,
    parse_pair,
    read_questions,
)
from ..errors import InputError
from ..files import make_output_folder
from ..visualization.study import write_study


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('--out', required=True, type=Path, metavar='FILE.html',
                        help='the page; an existing file is replaced')
    source = parser.add_argument_group('what is compared')
    source.add_argument('--heldout', metavar='DIR',
                        help='WORK_DIR/heldout, which `mmdesra train` writes')
    source.add_argument('--compare', nargs='+', choices=HELDOUT_PAIRS,
                        default=list(HELDOUT_PAIRS),
                        help='with --heldout: compare the result of fine-tuning with that from '
                        f'before ({FEWER_ARTIFACTS!r}), with MSE-SR ({MORE_DETAIL!r}), or with '
                        'both (default)')
    source.add_argument('--pair', nargs='+', action='append', default=[],
                        metavar=('[NAME=]DIR', '[NAME=]DIR [QUESTION]'),
                        help='two folders, their names in the answers (default: those of the '
                        f'folders), and the question (default: {PREFERENCE!r}); give it several '
                        'times for several pairs')
    cli.add_recursive_option(parser)
    images = parser.add_argument_group('images')
    images.add_argument('--mask', metavar='DIR',
                        help='artifact masks, 0/255: images without a region are left out, the '
                        f'others cut around the largest (default: {HELDOUT_MASKS} of --heldout)')
    images.add_argument('--crop', type=int, default=CROP_SIDE, metavar='PX',
                        help='side of this cut in SR pixels; 0 = show whole images (default: '
                        '%(default)s; without masks whole images are shown)')
    images.add_argument('--max-images', type=int, metavar='N',
                        help='ask about at most N images of a pair, chosen at random by --seed')
    images.add_argument('--jpeg', type=int, metavar='QUALITY',
                        help='keep the pictures as JPEG of this quality, for a smaller file '
                        '(default: without loss)')
    study = parser.add_argument_group('the study')
    study.add_argument('--title', default='Picture comparison', help='(default: %(default)s)')
    study.add_argument('--intro', action='append', default=[], metavar='TEXT',
                       help='a paragraph for the first screen; give it several times for several')
    study.add_argument('--repeats', type=int, default=0, metavar='N',
                       help='ask N questions of each pair twice, with the sides swapped, to see '
                       'how consistent participants are (default: %(default)s)')
    study.add_argument('--no-ties', action='store_true',
                       help="leave out the answer 'no difference'")
    study.add_argument('--seed', type=int, default=0,
                       help='decides, together with the name of the participant, the order of the '
                       'questions and which version is on the left (default: %(default)s)')
    args = parser.parse_args()
    if bool(args.heldout) == bool(args.pair):
        parser.error('give --heldout or --pair')
    for name, low, high in (('crop', 0, None), ('max_images', 1, None), ('jpeg', 1, 100),
                            ('repeats', 0, None), ('seed', 0, None)):
        value = getattr(args, name)
        if value is not None and not low <= value <= (high or value):
            limits = f'{low} to {high}' if high else f'{low} or more'
            parser.error(f'--{name.replace("_", "-")}: expected {limits}, got {value}')
    return args


def main() -> int:
    args = parse_args()
    if args.heldout:
        pairs = heldout_pairs(args.heldout, args.compare)
        masks = args.mask or Path(args.heldout, HELDOUT_MASKS)
    else:
        pairs, masks = [parse_pair(words) for words in args.pair], args.mask
    make_output_folder(args.out.parent)
    found = read_questions(pairs, masks, args.crop, args.max_images, args.seed,
                           recursive=args.recursive or bool(args.heldout))
    if found.clean:
        print(f'not asked about: {len(found.clean)} images without a region')
    counts = {pair.name: sum(question.pair == pair.name for question in found.questions)
              for pair in pairs}
    for name, count in counts.items():
        print(f'{name}: {count} questions, {args.repeats} of them twice')
    if not found.questions:
        raise InputError('no image is left to ask about')
    if args.repeats > min(filter(None, counts.values())):
        raise InputError(f'--repeats {args.repeats}: expected at most as many as a pair has '
                         'questions')
    study = write_study(args.out, args.title, found.questions, args.intro, args.seed,
                        args.repeats, not args.no_ties, args.jpeg)
    print(f'{study}: written to {args.out} ({args.out.stat().st_size / 1e6:.1f} MB)')
    if found.skipped:
        print(f'skipped: {len(found.skipped)}')
        return cli.EXIT_SKIPPED
    return 0
