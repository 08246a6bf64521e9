"""A loss over the iterations of a training, as a small plot."""
from __future__ import annotations

import io
from collections.abc import Sequence

WIDTH, HEIGHT, DPI = 6, 3.5, 110  # inches, inches, px per inch


def draw_loss_curve(iterations: Sequence[int], losses: Sequence[float],
                    chosen: int | None = None) -> bytes:
    """Draw a loss, with a horizontal line at its first value, that of the start.

    Args:
        iterations (Sequence[int]): N iterations, ascending.
        losses (Sequence[float]): N values.
        chosen (int, optional): The iteration whose weights are kept; is marked.

    Returns:
        bytes: A PNG file.
    """
    # Imported here, as it takes 0.3 s; without pyplot there is no global state to clean up.
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
