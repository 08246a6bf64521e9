"""A loss over the iterations of a training, as a small plot."""
from __future__ import annotations

import io
from collections.abc import Sequence

WIDTH, HEIGHT, DPI = 6, 3.5, 110  # inches, inches, px per inch


def draw_loss_curve(iterations: Sequence[int], losses: Sequence[float],
                    chosen: int | None = None) -> bytes:
    """Draw a loss, with that of the start as a line to compare with.

    Args:
        iterations (Sequence[int]): N iterations, ascending, from the start on.
        losses (Sequence[float]): N values.
        chosen (int, optional): The iteration that is kept, to be marked.

    Returns:
        bytes: A PNG file.
    """
    # 0.3 s, and only a plot needs it; without pyplot there is no global state to clean up.
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, HEIGHT), dpi=DPI, layout='constrained')
    axes = figure.subplots()
    axes.plot(iterations, losses, marker='.', label='held-out patches')
    axes.axhline(losses[0], color='grey', linestyle=':', linewidth=1, label='start')
    if chosen is not None:
        axes.axvline(chosen, color='black', linewidth=1, label=f'kept: iteration {chosen}')
    axes.set(xlabel='Iteration', ylabel='Pixel loss')
    axes.grid(alpha=.3)
    axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format='png', metadata=dict(Software=None))
    return content.getvalue()
