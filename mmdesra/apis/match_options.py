"""The options by which regions of two masks are matched: when one is right, or found."""
from __future__ import annotations

import argparse

from ..ops.scores import COVERAGE


def add_match_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--p`` and ``--margin``, see :func:`mmdesra.ops.scores.score_mask`."""
    parser.add_argument('--p', type=float, default=COVERAGE, metavar='SHARE',
                        help='a detected region is right, and a known region is found, if this '
                        'share of its area lies in the other mask (default: %(default)s)')
    parser.add_argument('--margin', type=int, default=0, metavar='PX',
                        help='leave out a frame of this width along the borders of both masks; '
                        'the released scripts leave out 5 px (default: %(default)s)')
