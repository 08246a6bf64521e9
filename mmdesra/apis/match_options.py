"""Options that say when a region of a mask is right, or found."""
from __future__ import annotations

import argparse

from ..ops.scores import COVERAGE


def add_match_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--p`` and ``--margin``, see :func:`mmdesra.ops.scores.score_mask`."""
    parser.add_argument('--p', type=float, default=COVERAGE, metavar='SHARE',
                        help="share of a region's own area that must lie in the other mask for "
                        'it to be right or found (default: %(default)s)')
    parser.add_argument('--margin', type=int, default=0, metavar='PX',
                        help='leave out this frame of both masks; 5 = as in the released scripts '
                        '(default: %(default)s)')
