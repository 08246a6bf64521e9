"""The report of a run: a page with a table and the worst images, and files beside it."""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from .legend import MapScale
from .report_files import ReportFiles
from .report_html import ReportPage
from .report_rows import MAX_SIDE, ReportRow, ReportRows
from .report_sample import ReportSample

__all__ = ['ReportSample', 'ReportWriter']


class ReportWriter:
    """Writes a report sample by sample: for a browser, without a server and without a network.

    The table is sorted by artifact area, whatever the order in which samples arrive, and can be
    sorted by any column and searched. An image opens on a click, the worst one at the start: LR,
    MSE-SR, GAN-SR, the map with its colour bar, the mask's outline, a slider between any two of
    them, and its regions one after the other.

    The page holds the worst images, as far as a bounded size goes; a report that fits is that
    one file. The others, and the whole table, lie in the folder ``NAME_files`` beside it and are
    loaded only when somebody asks for them. The pictures are written there as they come, so
    memory holds one sample and a line for each.

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
        words: (word, explanation) pairs of what the settings mean, beside those of the report.
        is_resumable: Whether a stopped run can go on, so that the files beside the page are to
            stay when an error ends the block.

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
                 words: Iterable[tuple[str, str]] = (),
                 is_resumable: bool = False) -> None:
        if max_side < 1 or (max_clean is not None and max_clean < 0):
            raise ValueError('expected a positive max_side and a max_clean of 0 or more, '
                             f'got {max_side} and {max_clean}')
        self.path = Path(path)
        self.files = ReportFiles(self.path)
        self._title = title
        self._summary = list(summary)
        self._words = list(words)
        self._scale = MapScale(*map_range, low_is_artifact, threshold)
        self._own = ReportRows(self._scale, self.files, max_clean, max_side)
        self._taken_in: dict[int, ReportRow] = {}
        self._is_resumable = is_resumable

    def __enter__(self) -> ReportWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        rows = {**self._taken_in, **self._own.rows}
        keep_all = self._is_resumable and kind is not None
        if kind is None or rows:
            page = ReportPage(self._title, self._summary, self._scale, rows, self.files,
                              _note(kind, len(rows)), self._words)
            try:
                page.write(self.path, keep_all)
            except BaseException:
                if not self._is_resumable:
                    self.files.keep((), ())
                raise

    def add(self, sample: ReportSample, number: int | None = None) -> ReportRow:
        """Add an image.

        Args:
            sample: The image.
            number: Decides the order of images with the same area, and the names of its files.
                Default: as they are added.

        Returns:
            ReportRow: Its line of the table.

        Raises:
            OSError: If the disk is full.
        """
        return self._own.add(sample, number)

    def add_skipped(self, name: str, reason: str, number: int | None = None) -> ReportRow:
        """Add an image that could not be used, and why; ``number`` as for :meth:`add`."""
        return self._own.add_skipped(name, reason, number)

    def take_in(self, rows: Mapping[int, ReportRow]) -> None:
        """Add what another process or an earlier run has collected, by number.

        Its numbers must be others, and its pictures lie beside the page already.
        """
        self._taken_in.update(rows)


def _note(stopped_by: type[BaseException] | None, count: int) -> str:
    return '' if stopped_by is None else (
        f'This run was stopped before its end ({stopped_by.__name__}): the report holds the '
        f'{count} images done until then.')
