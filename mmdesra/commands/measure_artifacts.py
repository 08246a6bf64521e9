"""Measure what the artifacts of SR images look like: strength, period, direction, colour, lattice.

  mmdesra detect --gan results/gan --mse results/mse --min-area 1000 --out artifacts
  mmdesra measure-artifacts --gan results/gan --mse results/mse --mask artifacts/mask

The difference GAN-SR - MSE-SR is measured in windows of 32x32 px that lie wholly inside the masks;
without --mask in all windows. Prints a Markdown table of quantiles. The artifacts of
`mmdesra make-artifact-benchmark` are modelled on such figures.
Exit code: 0 = all pairs measured, 1 = some were skipped (they are named), 2 = nothing measured.
"""
from __future__ import annotations

import argparse

from ..apis import command_line as cli
from ..apis.pair_options import add_pair_options, pairs_from
from ..errors import InputError
from ..evaluation.artifact_survey import quantiles_of, survey_artifacts
from ..files.tables import markdown_table

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('--mask', metavar='DIR', help='masks of the artifacts (0/255)')
    parser.add_argument('--coherence', type=float, nargs=2, metavar=('LOW', 'HIGH'),
                        help='use only windows with a coherence in [LOW, HIGH): 0 0.25 are those '
                        'without direction, 0.6 1 are stripes')
    add_pair_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    measures, skipped = survey_artifacts(pairs_from(args), args.mask)
    if args.coherence:
        low, high = args.coherence
        measures = [one for one in measures if low <= one.coherence < high]
    if not measures:
        raise InputError('no window could be measured: no artifact holds a window of 32x32 px')
    rows = quantiles_of(measures, SHARES)
    print(f'{len(measures)} windows')
    print(markdown_table(('figure', *(f'{share:.0%}' for share in SHARES)), [
        (name, *(f'{value:.3g}' for value in values)) for name, values in rows.items()]))
    for name, reason in skipped.items():
        print(f'skipped: {name}: {reason}')
    return cli.EXIT_SKIPPED if skipped else 0
