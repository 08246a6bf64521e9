"""What becomes of the images of a run: files, tables, the report, and a note of what is done."""
from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from mmengine.dist import is_main_process

from ..detectors import BaseDetector, Outcome
from ..files import image_name, shown_name
from ..files.run_description import RunDescription
from ..generators import PairSource
from ..visualization.legend import MapScale
from ..visualization.report import ReportSample, ReportWriter
from ..visualization.report_rows import ReportRow, ReportRows
from .journal import DoneImage, RunJournal, Signature, signature, sizes_of
from .progress import Resumed
from .report_settings import report_settings, report_words
from .result_writer import ResultWriter
from .results import REPORT_NAME, ImageResult


class RunResults:
    """What becomes of the images, in files and in figures.

    Args:
        writer (ResultWriter): Writes the files.
        source (PairSource): The images of all processes.
        before (Resumed): Those that were done before.
        journal (RunJournal): Notes those that are done.
    """

    def __init__(self, writer: ResultWriter, source: PairSource,
                 before: Resumed, journal: RunJournal) -> None:
        self._page: ReportWriter | ReportRows | None = None
        self._writer = writer
        self._before = before
        self._journal = journal
        self._numbers = {path: number for number, path in enumerate(source.paths)}
        self._source = source
        self._made_from: dict[Path, Signature] = {}
        self._own: dict[int, ImageResult] = {}
        self._results = dict(before.results)

    def will_read(self, path: Path) -> None:
        """Note what an image is made from; to be called before any of it is read."""
        self._made_from[path] = signature(self._source, self._writer.labels, path)

    def open_report(self, stack: ExitStack, description: RunDescription) -> None:
        """Begin the report, or this process's part of it."""
        files = self._writer.report_files
        if files is None:
            return
        if is_main_process():
            page = self._page = stack.enter_context(_report(self._writer, description))
            page.take_in(self._before.rows)
        else:
            self._page = ReportRows(_scale(self._writer.detector), files)

    def in_order(self) -> list[ImageResult]:
        """Return all that is known, in the order of the source."""
        return [self._results[number] for number in sorted(self._results)]

    def write(self, outcome: Outcome) -> None:
        """Write what belongs to one image, and note that it is done."""
        path, number = outcome.path, self._numbers[outcome.path]
        result = self._writer.result_of(outcome)
        if not outcome.error:
            self._writer.write_pictures(outcome)
        row = _add_to_report(self._page, outcome, result, number) if self._page else None
        made_from = self._made_from.pop(path, None)
        if not outcome.error and made_from:
            sizes = sizes_of(self._writer.all_files_of(image_name(path), number))
            self._journal.add(DoneImage(number, made_from, sizes, result, row))
        self._own[number] = self._results[number] = result

    def bring(self) -> tuple[dict[int, ImageResult], dict[int, ReportRow]]:
        """Return what the other processes need."""
        return self._own, (self._page.rows if isinstance(self._page, ReportRows) else {})

    def receive(self, brought: tuple[dict[int, ImageResult], dict[int, ReportRow]]) -> None:
        """Add what another process has brought."""
        results, rows = brought
        self._results.update(results)
        if isinstance(self._page, ReportWriter):
            self._page.take_in(rows)

    def write_tables(self) -> None:
        """Write them, if this is the first process and anything was done."""
        if is_main_process() and self._results:
            self._writer.write_tables(self.in_order())


def _scale(detector: BaseDetector) -> MapScale:
    return MapScale(*detector.map_range, detector.low_is_artifact, detector.threshold)


def _report(writer: ResultWriter, description: RunDescription) -> ReportWriter:
    detector, settings = writer.detector, report_settings(writer)
    return ReportWriter(
        writer.out_dir / REPORT_NAME, f'Artifacts found by {type(detector).__name__}',
        [*settings, *description.rows()], detector.map_range, detector.low_is_artifact,
        detector.threshold, words=report_words(settings), is_resumable=True)


def _add_to_report(page: ReportWriter | ReportRows, outcome: Outcome, result: ImageResult,
                   number: int) -> ReportRow:
    if outcome.error:
        return page.add_skipped(shown_name(outcome.path), result.error, number)
    pair, detection = outcome.found
    return page.add(ReportSample(shown_name(outcome.path), pair.gan, pair.mse, detection.map,
                                 detection.mask, pair.lq,
                                 largest_dropped=detection.largest_dropped,
                                 strengths=result.strengths or None), number)
