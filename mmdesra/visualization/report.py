"""The report of a run: one self-contained HTML file with a table and every image's pictures."""
from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from ..files import atomic_path
from .legend import MapScale
from .report_html import Entry, ReportPage
from .report_rows import MAX_SIDE, ReportPart, ReportRow, ReportRows
from .report_sample import ReportSample
from .report_spool import Spool

__all__ = ['ReportSample', 'ReportWriter']


class ReportWriter:
    """Writes a report sample by sample: one HTML file that needs no other file and no network.

    The table is sorted by artifact area, whatever the order in which samples arrive, and can be
    sorted by any column and searched. An image opens on a click: LR, MSE-SR, GAN-SR, the map
    with its colour bar, the mask's outline, and a slider between any two of them. The browser
    decodes only pictures that are near the screen.

    The pictures wait in a file until the table is known, so memory holds one sample and a line
    for each.

    As a context manager::

        with ReportWriter('report.html', 'A run', [('detector', 'DeSRA')]) as report:
            report.add(ReportSample('a.png', gan, mse, artifact_map, mask))
            report.add_skipped('b.png', 'truncated')

    The report appears under ``path`` when the block ends, complete. Where an error or Ctrl-C ends
    the block, it appears all the same, with what was added so far and a note saying so; with
    nothing added, a file from before stays as it is.

    Args:
        path: The HTML file; an existing one is replaced. Missing folders are made.
        title: Heading, plain text.
        summary: (label, value) pairs of the run's settings. Totals are counted here.
        map_range: Values at the ends of the maps' colour bar, in the detector's unit.
        low_is_artifact: Whether a low value means artifact.
        threshold: Where artifacts begin, in the same unit.
        max_clean: Keep the pictures of at most this many images without artifacts (0 = of none);
            the others are in the table with a thumbnail. None: keep all.
        max_side: Longer side in px above which pictures are shown reduced; the largest region is
            then also shown at full size.
        spool: A new file for the pictures, which stays. None: an unnamed one beside ``path``,
            which is gone in the end.

    Raises:
        ValueError: If the range is empty or a number not positive.
    """

    def __init__(self,
                 path: str | os.PathLike,
                 title: str,
                 summary: Iterable[tuple[str, object]] = (),
                 map_range: tuple[float, float] = (0.0, 1.0),
                 low_is_artifact: bool = True,
                 threshold: float = 0.7,
                 max_clean: int | None = None,
                 max_side: int = MAX_SIDE,
                 spool: Path | None = None) -> None:
        if max_side < 1 or (max_clean is not None and max_clean < 0):
            raise ValueError('expected a positive max_side and a max_clean of 0 or more, '
                             f'got {max_side} and {max_clean}')
        self.path = Path(path)
        self._title = title
        self._summary = list(summary)
        self._scale = MapScale(*map_range, low_is_artifact, threshold)
        self._max_clean = max_clean
        self._max_side = max_side
        self._spool_path = spool
        self._stack = ExitStack()
        self._taken_in: dict[int, Entry] = {}

    def __enter__(self) -> ReportWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._spool = self._stack.enter_context(
            Spool.unnamed(self.path) if self._spool_path is None
            else Spool.create(self._spool_path))
        self._own = ReportRows(self._scale, self._spool, self._max_clean, self._max_side)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with self._stack:
            entries = {**self._taken_in, **{number: Entry(row, self._spool)
                                            for number, row in self._own.rows.items()}}
            if kind is None or entries:
                self._write(entries, kind)

    def add(self, sample: ReportSample, number: int | None = None) -> ReportRow:
        """Add an image.

        Args:
            sample: The image.
            number: Decides the order of images with the same area. Default: as they are added.

        Returns:
            ReportRow: Its line of the table.

        Raises:
            OSError: If the disk is full.
        """
        return self._own.add(sample, number)

    def add_skipped(self, name: str, reason: str, number: int | None = None) -> ReportRow:
        """Add an image that could not be used, and why; ``number`` as for :meth:`add`."""
        return self._own.add_skipped(name, reason, number)

    def take_in(self, part: ReportPart) -> None:
        """Add what another process or an earlier run has collected; its numbers must be others.

        Its spool is read when the report is written.

        Raises:
            OSError: If that cannot be opened.
        """
        spool = self._stack.enter_context(Spool.open(part.spool))
        self._taken_in.update({number: Entry(row, spool) for number, row in part.rows.items()})

    def _write(self, entries: dict[int, Entry], stopped_by: type[BaseException] | None) -> None:
        note = '' if stopped_by is None else (
            f'This run was stopped before its end ({stopped_by.__name__}): the report holds the '
            f'{len(entries)} images done until then.')
        page = ReportPage(self._title, self._summary, self._scale, entries, note)
        with atomic_path(self.path) as part, part.open('wb') as file:
            file.writelines(page.parts())
