"""The colour bar of a heat map, labelled in the detector's unit."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .heatmap import draw_heatmap

STOPS = 33


@dataclass(frozen=True)
class MapScale:
    """The colour scale for the maps of one detector.

    Args:
        low: Value at the left end of the colour bar, in the detector's unit.
        high: Value at the right end of the colour bar.
        low_is_artifact: Whether a low value means artifact.
        threshold: The detector's threshold, in the same unit.

    Raises:
        ValueError: If the range is empty.
    """
    low: float
    high: float
    low_is_artifact: bool
    threshold: float

    def __post_init__(self) -> None:
        self.draw(np.zeros((1, 1)))  # checks the range

    def draw(self, artifact_map: np.ndarray) -> np.ndarray:
        """Colour a map: see :func:`draw_heatmap`."""
        return draw_heatmap(artifact_map, (self.low, self.high), self.low_is_artifact)

    def share(self, value: float) -> float:
        """Return the position of a value on the bar, in [0, 1]."""
        return float(np.clip((value - self.low) / (self.high - self.low), 0, 1))


def make_legend(scale: MapScale, below: bool = False, above: bool = False,
                unknown: bool = False) -> str:
    """Make the HTML of a colour bar with its ends and the threshold.

    Args:
        scale: The scale.
        below: Whether maps hold values below the scale, which get the colour of its low end.
        above: Whether maps hold values above the scale, which get the colour of its high end.
        unknown: Whether maps hold NaN.
    """
    stops = scale.draw(np.linspace(scale.low, scale.high, STOPS)[None])[0]
    colors = ', '.join('#{:02x}{:02x}{:02x}'.format(*color) for color in stops)
    at = 100 * scale.share(scale.threshold)
    start, end = (0, at) if scale.low_is_artifact else (at, 100)
    words = ('artifact', 'no artifact')[::1 if scale.low_is_artifact else -1]
    low = f'{"≤ " if below else ""}{scale.low:g}'
    high = f'{"≥ " if above else ""}{scale.high:g}'
    grey = '<div>grey: no score</div>\n' if unknown else ''
    return (f'<div class="legend">\n'
            f'<div class="top"><span style="--at:{at:.4g}%">threshold {scale.threshold:g}</span>'
            f'</div>\n'
            f'<div class="colors" style="background:linear-gradient(to right, {colors})">'
            f'<i style="--at:{at:.4g}%"></i></div>\n'
            f'<div class="flagged"><i style="--from:{start:.4g}%;--to:{end:.4g}%"></i></div>\n'
            f'<div class="ends"><span>{low} · {words[0]}</span>'
            f'<span>{words[1]} · {high}</span></div>\n{grey}</div>\n')
