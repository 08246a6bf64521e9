"""What a report collects: a row of each image, and its pictures in files beside the page."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..ops import Regions, label_regions
from .legend import MapScale
from .report_files import Pictures, ReportFiles
from .report_sample import ReportSample
from .views import View, make_views

MAX_SIDE = 1600
BEYOND = 'below', 'above', 'unknown'
"""What a map can hold that its colour bar does not have; see :func:`make_legend`."""

MOST_REGIONS = 200
"""Regions of an image that are listed, the largest ones."""


@dataclass(frozen=True)
class ReportRow:
    """One line of the table.

    Attributes:
        name: The image.
        pixels: All of its pixels.
        areas: Of each region, in px.
        beyond: Those of :data:`BEYOND` that its map holds.
        strength: How strong its regions are: the mean over all their pixels, in grey levels; see
            :func:`mmdesra.ops.region_strengths`. None: it has none, or that is not known.
        pictures: Whether its pictures are kept.
        error: Why it was skipped; empty if it was not.
        largest_dropped: Area of the largest region that was dropped for its size, in px; 0: none
            was.
    """
    name: str
    pixels: int = 0
    areas: tuple[int, ...] = ()
    beyond: tuple[str, ...] = ()
    strength: float | None = None
    pictures: bool = False
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

    @property
    def shown_name(self) -> str:
        """str: The name as text: a file's may hold bytes that are none."""
        return self.name.encode('utf-8', 'replace').decode()


class ReportRows:
    """The images of a report, or of one process's part of it.

    The pictures are written at once, so memory holds one sample and a line for each.

    Args:
        scale: How maps are drawn.
        files: Takes the pictures.
        max_clean: See :class:`ReportWriter`.
        max_side: The same.
    """

    def __init__(self, scale: MapScale, files: ReportFiles, max_clean: int | None = None,
                 max_side: int = MAX_SIDE) -> None:
        self.rows: dict[int, ReportRow] = {}
        self._scale = scale
        self._files = files
        self._max_clean = max_clean
        self._max_side = max_side

    def add(self, sample: ReportSample, number: int | None = None) -> ReportRow:
        """Add an image; see :meth:`ReportWriter.add`."""
        number = len(self.rows) if number is None else number
        regions = label_regions(torch.from_numpy(sample.mask))
        areas, strengths = regions.areas.tolist(), sample.strengths
        if strengths is not None and len(strengths) != len(areas):
            raise ValueError(f'expected the strengths of the {len(areas)} regions of '
                             f'{sample.name!r}, got {len(strengths)}')
        strength = (float(np.average(strengths, weights=areas)) if areas and strengths else None)
        keep = bool(areas or self._max_clean is None or self._max_clean > sum(
            row.state == 'clean' for row in self.rows.values()))
        row = ReportRow(sample.name, sample.mask.size, tuple(areas), self._beyond(sample.map),
                        strength, keep, largest_dropped=sample.largest_dropped)
        views, thumb = make_views(sample.versions(), sample.mask, self._scale, self._max_side)
        self._files.put(number, thumb, _pictures(row, sample, regions, views) if keep else None)
        return self._add(number, row)

    def add_skipped(self, name: str, reason: str, number: int | None = None) -> ReportRow:
        """Add an image that could not be used; see :meth:`ReportWriter.add_skipped`."""
        number = len(self.rows) if number is None else number
        return self._add(number, ReportRow(name, error=reason or 'no reason given'))

    def _add(self, number: int, row: ReportRow) -> ReportRow:
        self.rows[number] = row
        return row

    def _beyond(self, artifact_map: np.ndarray) -> tuple[str, ...]:
        low, high = np.fmin.reduce(artifact_map, None), np.fmax.reduce(artifact_map, None)
        there = low < self._scale.low, high > self._scale.high, np.isnan(artifact_map).any()
        return tuple(name for name, is_there in zip(BEYOND, there) if is_there)


def _pictures(row: ReportRow, sample: ReportSample, regions: Regions,
              views: list[View]) -> Pictures:
    largest = regions.areas.argsort(descending=True, stable=True)[:MOST_REGIONS].tolist()
    boxes = regions.boxes.tolist()
    strengths = sample.strengths or ()
    height, width = sample.mask.shape
    return Pictures(
        row.shown_name, (width, height), views,
        regions=[[*boxes[k], row.areas[k]] for k in largest],
        strengths=[round(strengths[k], 2) for k in largest if strengths],
        facts=[(str(label), str(value)) for label, value in sample.facts])
