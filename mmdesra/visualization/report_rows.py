"""What a report collects: a row of each image, and its pictures in a spool."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..ops import label_regions
from .legend import MapScale
from .report_sample import ReportSample
from .report_spool import Spool
from .views import make_views

MAX_SIDE = 1600
BEYOND = 'below', 'above', 'unknown'
"""What a map can hold that its colour bar does not have; see :func:`make_legend`."""


@dataclass(frozen=True)
class ReportRow:
    """One line of the table.

    Attributes:
        name: The image.
        pixels: All of its pixels.
        areas: Of each region, in px.
        beyond: Those of :data:`BEYOND` that its map holds.
        thumb: Where its thumbnail stands in the spool, as (start, length); None: it has none.
        pictures: The same of its pictures; None: they are not kept.
        error: Why it was skipped; empty if it was not.
        largest_dropped: Area of the largest region that was dropped for its size, in px; 0: none
            was.
    """
    name: str
    pixels: int = 0
    areas: tuple[int, ...] = ()
    beyond: tuple[str, ...] = ()
    thumb: tuple[int, int] | None = None
    pictures: tuple[int, int] | None = None
    error: str = ''
    largest_dropped: int = 0

    @property
    def area(self) -> int:
        """int: Artifact pixels."""
        return sum(self.areas)

    @property
    def largest(self) -> int:
        """int: Artifact pixels of the largest region."""
        return max(self.areas, default=0)

    @property
    def share(self) -> float:
        """float: Artifact pixels / all pixels, in [0, 1]."""
        return self.area / self.pixels if self.pixels else 0.0

    @property
    def state(self) -> str:
        """str: 'found', 'clean' or 'skipped'."""
        return 'skipped' if self.error else 'found' if self.areas else 'clean'


@dataclass(frozen=True)
class ReportPart:
    """Images of a report that another process, or an earlier run, has collected.

    Attributes:
        spool: The file that their pictures wait in.
        rows: Lines of the table, by number.
    """
    spool: Path
    rows: dict[int, ReportRow]


class ReportRows:
    """The images of a report, or of one process's part of it.

    The pictures wait in a file, so memory holds one sample and a line for each.

    Args:
        scale: How maps are drawn.
        spool: Takes the pictures.
        max_clean: See :class:`ReportWriter`.
        max_side: The same.
    """

    def __init__(self, scale: MapScale, spool: Spool, max_clean: int | None = None,
                 max_side: int = MAX_SIDE) -> None:
        self.rows: dict[int, ReportRow] = {}
        self._scale = scale
        self._spool = spool
        self._max_clean = max_clean
        self._max_side = max_side

    def add(self, sample: ReportSample, number: int | None = None) -> ReportRow:
        """Add an image; see :meth:`ReportWriter.add`."""
        areas = label_regions(torch.from_numpy(sample.mask)).areas.tolist()
        views, thumb = make_views(sample.versions(), sample.mask, self._scale, self._max_side)
        keep = areas or self._max_clean is None or self._max_clean > sum(
            row.state == 'clean' for row in self.rows.values())
        return self._add(number, ReportRow(
            sample.name, sample.mask.size, tuple(areas), self._beyond(sample.map),
            self._spool.put_thumb(thumb),
            self._spool.put_pictures(views, sample.facts) if keep else None,
            largest_dropped=sample.largest_dropped))

    def add_skipped(self, name: str, reason: str, number: int | None = None) -> ReportRow:
        """Add an image that could not be used; see :meth:`ReportWriter.add_skipped`."""
        return self._add(number, ReportRow(name, error=reason or 'no reason given'))

    def hand_over(self) -> ReportPart:
        """Return what another process takes in."""
        return ReportPart(self._spool.path, self.rows)

    def _add(self, number: int | None, row: ReportRow) -> ReportRow:
        self.rows[len(self.rows) if number is None else number] = row
        return row

    def _beyond(self, artifact_map: np.ndarray) -> tuple[str, ...]:
        low, high = np.fmin.reduce(artifact_map, None), np.fmax.reduce(artifact_map, None)
        there = low < self._scale.low, high > self._scale.high, np.isnan(artifact_map).any()
        return tuple(name for name, is_there in zip(BEYOND, there) if is_there)
