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
from ..visualization.report_rows import ReportPart, ReportRow, ReportRows
from ..visualization.report_spool import Spool
from .journal import DoneImage, RunJournal, signature, sizes_of
from .progress import Resumed
from .result_writer import ResultWriter
from .results import ImageResult

REPORT_NAME = 'report.html'


class RunResults:
    """What becomes of the images, in files and in figures.

    Args:
        writer (ResultWriter): Writes the files.
        source (PairSource): The images of all processes.
        share (PairSource): Those that this process is about to do.
        before (Resumed): Those that were done before.
        journal (RunJournal): Notes those that are done.
    """

    def __init__(self, writer: ResultWriter, source: PairSource, share: PairSource,
                 before: Resumed, journal: RunJournal) -> None:
        self._page: ReportWriter | ReportRows | None = None
        self._writer = writer
        self._before = before
        self._journal = journal
        self._numbers = {path: number for number, path in enumerate(source.paths)}
        self._made_from = {path: signature(source, writer.labels, path) for path in share.paths}
        self._own: dict[int, ImageResult] = {}
        self._results = dict(before.results)

    def open_report(self, stack: ExitStack, spool: Path, description: RunDescription) -> None:
        """Begin the report, or this process's part of it; its pictures wait in ``spool``."""
        if is_main_process():
            page = self._page = stack.enter_context(_report(self._writer, spool, description))
            for part in self._before.parts:
                page.take_in(part)
        else:
            self._page = ReportRows(_scale(self._writer.detector),
                                    stack.enter_context(Spool.create(spool)))

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
        if not outcome.error and self._made_from[path]:
            sizes = sizes_of(self._writer.files_of(image_name(path)))
            self._journal.add(DoneImage(number, self._made_from[path], sizes, result, row))
        self._own[number] = self._results[number] = result

    def bring(self) -> tuple[dict[int, ImageResult], ReportPart | None]:
        """Return what the other processes need."""
        return self._own, (self._page.hand_over() if isinstance(self._page, ReportRows) else None)

    def receive(self, brought: tuple[dict[int, ImageResult], ReportPart | None]) -> None:
        """Add what another process has brought."""
        results, part = brought
        self._results.update(results)
        if part is not None and isinstance(self._page, ReportWriter):
            self._page.take_in(part)

    def write_tables(self) -> None:
        """Write them, if this is the first process and anything was done."""
        if is_main_process() and self._results:
            self._writer.write_tables(self.in_order())


def _scale(detector: BaseDetector) -> MapScale:
    return MapScale(*detector.map_range, detector.low_is_artifact, detector.threshold)


def _report(writer: ResultWriter, spool: Path, description: RunDescription) -> ReportWriter:
    detector, labels = writer.detector, writer.labels
    settings = dict(detector.describe())
    settings.pop('type', None)  # in the title
    settings.pop('class_bins', None)  # 150 numbers; detections.json has them
    if writer.pairs.get('reference'):
        settings['in place of MSE-SR'] = ', '.join(
            f'{name} {value}' for name, value in writer.pairs['reference'].items()
            if name in ('type', 'passes'))
    if detector.uses_labels:
        settings['semantic step'] = type(labels).__name__ if labels else 'off'
    title = f'Artifacts found by {type(detector).__name__}'
    return ReportWriter(writer.out_dir / REPORT_NAME, title,
                        [*settings.items(), *description.rows()], detector.map_range,
                        detector.low_is_artifact, detector.threshold, spool=spool)


def _add_to_report(page: ReportWriter | ReportRows, outcome: Outcome, result: ImageResult,
                   number: int) -> ReportRow:
    if outcome.error:
        return page.add_skipped(shown_name(outcome.path), result.error, number)
    pair, detection = outcome.found
    return page.add(ReportSample(shown_name(outcome.path), pair.gan, pair.mse, detection.map,
                                 detection.mask, pair.lq,
                                 largest_dropped=detection.largest_dropped), number)
