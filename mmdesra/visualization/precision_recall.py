"""Precision and recall over thresholds, as a plot."""
from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, DPI = 11, 5, 120  # inches, inches, px per inch
MARKERS = 'osD^v<>pPX'
LINES = ('-', '--', ':')
"""Line styles: Matplotlib has ten colours, so the next ten curves are dashed, then dotted."""


@dataclass(frozen=True)
class Curve:
    """Precision and recall of one detector, one point for each threshold.

    Attributes:
        name (str): The detector, for the legend.
        recalls (Sequence[float]): In [0, 1], or nan.
        precisions (Sequence[float]): In [0, 1]; a point with nan is left out.
        own (int): Index of the point at the detector's own threshold.
    """
    name: str
    recalls: Sequence[float]
    precisions: Sequence[float]
    own: int


def draw_precision_recall(panels: Mapping[str, Sequence[Curve]]) -> bytes:
    """Draw curves in panels side by side; the detectors' own thresholds are marked.

    Args:
        panels (dict): Title to curves; each panel has the same detectors in the same order.

    Returns:
        bytes: A PNG file.
    """
    # Imported here, as it takes 0.3 s; without pyplot there is no global state to clean up.
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, HEIGHT), dpi=DPI, layout='constrained')
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, curves) in zip(all_axes, panels.items()):
        for index, curve in enumerate(curves):
            line, = axes.plot(curve.recalls, curve.precisions, marker='.', linewidth=1.3,
                              linestyle=LINES[index // 10 % len(LINES)], label=curve.name)
            axes.plot(curve.recalls[curve.own], curve.precisions[curve.own], markersize=10,
                      marker=MARKERS[index % len(MARKERS)], color=line.get_color(),
                      markeredgecolor='black')
        axes.set(title=title, xlabel='Recall', ylabel='Precision', xlim=(-.02, 1.02),
                 ylim=(-.02, 1.02))
        axes.grid(alpha=.3)
    handles, names = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc='outside lower center', ncols=min(5, max(1, len(names))),
                  title="the large marker: the detector's own threshold")
    content = io.BytesIO()
    figure.savefig(content, format='png', metadata=dict(Software=None))
    return content.getvalue()
