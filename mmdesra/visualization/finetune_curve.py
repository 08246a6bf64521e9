"""Removal, addition and detail kept over the iterations of fine-tuning, as a plot."""
from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, DPI = 8, 4.5, 120  # inches, inches, px per inch
MARGIN = .03


def draw_finetune_curve(iterations: Sequence[int],
                        curves: Mapping[str, Sequence[float]],
                        chosen: int | None = None,
                        wanted_removal: float | None = None) -> bytes:
    """Draw curves over iterations.

    Args:
        iterations (Sequence[int]): N iterations, ascending.
        curves (Mapping[str, Sequence[float]]): Name to N values in [0, 1].
        chosen (int, optional): The iteration whose weights are kept; is marked.
        wanted_removal (float, optional): The removal rate at which training stops; is marked.

    Returns:
        bytes: A PNG file.
    """
    # Imported here, as it takes 0.3 s; without pyplot there is no global state to clean up.
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure((WIDTH, HEIGHT), dpi=DPI, layout='constrained')
    axes = figure.subplots()
    for name, values in curves.items():
        axes.plot(iterations, values, marker='.', label=name)
    if wanted_removal is not None:
        axes.axhline(wanted_removal, color='grey', linestyle=':', linewidth=1,
                     label='wanted removal')
    if chosen is not None:
        axes.axvline(chosen, color='black', linewidth=1, label=f'kept: iteration {chosen}')
    highest = max((value for values in curves.values() for value in values), default=1)
    axes.set(xlabel='Iteration', ylim=(-MARGIN, max(1, highest) + MARGIN))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=.3)
    axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format='png', metadata=dict(Software=None))
    return content.getvalue()
