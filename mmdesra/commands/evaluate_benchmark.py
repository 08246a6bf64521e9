"""Tell which artifacts of a benchmark detectors found, by kind, strength and content.

  mmdesra compare-detectors --gan benchmark/gan --mse benchmark/mse --gt benchmark/gt \\
      --detector DeSRA --detector SSIM --min-area 1000 --save-masks --out comparison
  mmdesra evaluate-benchmark --benchmark benchmark --pred comparison/mask/*

Prints a Markdown table with a column for each --pred: the share of the placed artifacts that were
found, with at least half of their area detected. False detections do not count here; for them see
the precision in `mmdesra compare-detectors`.
Exit code: 0 = all images used, 1 = some had no usable mask (they are named), 2 = nothing done.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from ..apis import command_line as cli
from ..errors import InputError
from ..evaluation.figures import decimal
from ..evaluation.placed_recall import GROUPS, GroupRecall, break_down, match_artifacts
from ..files.tables import markdown_table, write_csv

Tables = dict[str, dict[tuple, GroupRecall]]


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('--benchmark', required=True, metavar='DIR',
                        help='a folder made by `mmdesra make-artifact-benchmark`')
    parser.add_argument('--pred', required=True, nargs='+', metavar='[NAME=]DIR',
                        help="detected masks (0/255) of the benchmark's images; NAME is the "
                        "column's title (default: the folder's name)")
    parser.add_argument('--by', nargs='*', choices=GROUPS, metavar='PROPERTY',
                        help=f'some of {", ".join(GROUPS)}: print a row for each combination of '
                        'their values (default: a row for all artifacts, then one for each value '
                        'of each property)')
    parser.add_argument('--csv', type=Path, metavar='FILE',
                        help='also write the counts: group, detector, found, placed')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    matches, skipped = {}, {}
    for text in args.pred:
        name, separator, folder = text.partition('=')
        if not separator:
            name, folder = Path(text).name, text
        if name in matches:
            raise InputError(f'--pred {text}: there is another {name}; name them: NAME=DIR')
        matches[name], skipped[name] = match_artifacts(args.benchmark, folder)
    groupings = [args.by] if args.by else [(), *((name,) for name in GROUPS)]
    rows = []
    for by in groupings:
        tables: Tables = {name: break_down(found, by) for name, found in matches.items()}
        rows += [(' '.join(f'{part:g}' if isinstance(part, float) else part for part in group)
                  or 'all', {name: table.get(group) for name, table in tables.items()})
                 for group in sorted(set().union(*tables.values()))]
    print(markdown_table(('artifacts', 'placed', *matches), [
        (title, str(max(recall.placed for recall in recalls.values() if recall)),
         *(decimal(recall.recall, 2) if recall else '–' for recall in recalls.values()))
        for title, recalls in rows]))
    if args.csv:
        write_csv(args.csv, ('artifacts', 'detector', 'found', 'placed'), (
            dict(artifacts=title, detector=name, found=recall.found, placed=recall.placed)
            for title, recalls in rows for name, recall in recalls.items() if recall))
    for name, reasons in skipped.items():
        for image, reason in reasons.items():
            print(f'skipped: {name}: {image}: {reason}')
    return cli.EXIT_SKIPPED if any(skipped.values()) else 0
