"""In how many passes an MSE partner is asked for a reference image."""
from __future__ import annotations

from ..datasets.partner_pipeline import BICUBIC
from ..errors import InputError
from ..generators.turns import MOST_TURNS, is_count_of_turns

PASSES_CLEAN, PASSES_DEGRADED = 1, 4
"""For bicubic reductions, and for all others. docs/mse_partner.md has what was measured: for
degradations the mean of the turns is nearer to the published sibling, by 0.8 to 1.5 dB; for clean
reductions it is nearer, too, but its masks agree less with the sibling's."""


def usual_passes(degradation: str | None) -> int:
    """Return the number for a degradation.

    Args:
        degradation (str, optional): 'bicubic', 'realesrgan', or 'own' of a config; None: it was
            trained on the config's own data, and what these are is not known.
    """
    return PASSES_CLEAN if degradation in (BICUBIC, None) else PASSES_DEGRADED


def in_passes(passes: int) -> str:
    """Say in how many passes it is asked, to be added to its iteration; nothing for one."""
    return '' if passes == 1 else f', asked in {passes} passes'


def check_passes(passes: int | None) -> None:
    """Refuse a number that is none.

    Raises:
        InputError: If it is not from 1 to 8.
    """
    if passes is not None and not is_count_of_turns(passes, 1):
        raise InputError(f'expected from 1 to {MOST_TURNS} passes (--passes), got {passes!r}')
