"""Count the answers of a user study, and print shares with confidence intervals.

  mmdesra study tally answers/*.csv --json tally.json --csv tally.csv

The files are those that participants saved from the page of `mmdesra study make`. An answer that
is in several files is counted once. Intervals are Wilson's at 95%; p is from a two-sided binomial
test of the answers with a preference against one half. Both assume independent answers, which
those of one person are not: see docs/user_study.md, and the counts by participant and by image.
Repeated questions are not counted; they show how consistent each participant is.
Exit code: 0 = all rows counted, 1 = some could not be used (they are named), 2 = nothing to count.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..apis import command_line as cli
from ..apis.study_answers import collect_tables, read_answers
from ..apis.study_tally import CSV_COLUMNS, PairTally, Share, StudyTally, tally
from ..evaluation.figures import UNKNOWN, percent
from ..files import make_output_folder
from ..files.inputs import refuse_same_files
from ..files.tables import markdown_table, write_csv, write_json


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('answers', nargs='+', metavar='FILE_OR_DIR',
                        help='CSV files of participants, or folders with such files')
    parser.add_argument('--min-consistency', type=float, default=0, metavar='SHARE',
                        help='leave out participants who answered less than this share of the '
                        'repeated questions in the same way; decide this before you look at the '
                        'answers (default: %(default)s, nobody)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures')
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write the shares as a table')
    args = parser.parse_args()
    if not 0 <= args.min_consistency <= 1:
        parser.error(f'--min-consistency: expected 0 to 1, got {args.min_consistency:g}')
    return args


def main() -> int:
    args = parse_args()
    for path in filter(None, (args.json, args.csv)):
        make_output_folder(path.parent)
    tables = collect_tables(args.answers)
    refuse_same_files([args.json, args.csv], tables)
    answers = read_answers(tables)
    for problem in answers.problems:
        print(f'not counted: {problem}', file=sys.stderr)
    result = tally(answers, args.min_consistency)
    if args.json:
        write_json(args.json, result.figures())
    if args.csv:
        write_csv(args.csv, CSV_COLUMNS, result.rows())
    print('\n\n'.join(describe(result)))
    if answers.duplicates:
        print(f'\n{answers.duplicates} rows were repeated and are counted once')
    if answers.problems:
        print(f'\nnot counted: {len(answers.problems)} rows or files')
        return cli.EXIT_SKIPPED
    return 0


def describe(result: StudyTally) -> list[str]:
    """Return the text to print: tables in Markdown, and a few lines about each pair."""
    parts = [f'{result.study}: {len(result.participants)} participants', markdown_table(
        ['pair', 'choice', 'answers', 'share', '95% interval'],
        [[pair.pair, choice, f'{share.count} / {share.total}', known(share.share),
          interval(share)] for pair in result.pairs for choice, share in pair.choices.items()])]
    parts += [describe_pair(pair) for pair in result.pairs]
    if result.left_out:
        parts.append(f'not consistent enough, left out: {", ".join(result.left_out)}')
    parts.append(markdown_table(
        ['participant', 'answers', 'same again', 'left', 'median s'],
        [[person.participant, str(person.answers),
          f'{person.consistent} / {person.repeats}' if person.repeats else UNKNOWN,
          known(person.left), f'{person.seconds:.1f}'] for person in result.participants]))
    return parts


def describe_pair(pair: PairTally) -> str:
    if pair.p_value is None:
        return f'{pair.pair}: no answer with a preference'
    return (f'{pair.pair}: of {pair.preferred.total} answers with a preference '
            f'{known(pair.preferred.share)} ({interval(pair.preferred)}) are for {pair.a}, '
            f'p = {pair.p_value:.2g}\n'
            f'  participants who chose it more often: {pair.participants[0]} {pair.a}, '
            f'{pair.participants[1]} {pair.b}, of {pair.num_participants}\n'
            f'  images on which it was chosen more often: {pair.images[0]} {pair.a}, '
            f'{pair.images[1]} {pair.b}, of {pair.num_images}')


def known(value: float | None) -> str:
    return UNKNOWN if value is None else percent(value, 1)


def interval(share: Share) -> str:
    return f'{known(share.low)} to {known(share.high)}'
