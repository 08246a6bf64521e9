"""Detecting the artifacts of a set of images, with all that a person wants to see of it."""
from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from mmengine.dist import get_rank, get_world_size, is_main_process
from tqdm import tqdm

from ..detectors import BaseDetector, Outcome, detect_pairs
from ..files import in_background
from ..files.atomic import PART_SUFFIX
from ..files.folder_lock import held_folder
from ..generators import PairSource
from ..segmentors import LabelSource
from ..visualization.report import ReportPart, ReportSample, ReportWriter
from .processes import Meeting, call_in_first
from .result_writer import ResultWriter
from .results import ImageResult

REPORT_NAME = 'report.html'


def detect_with_progress(source: PairSource, detector: BaseDetector,
                         labels: LabelSource | None = None,
                         disable: bool = False) -> Generator[Outcome, None, None]:
    """Detect on every pair, as :func:`detect_pairs`, with a bar that tells the time left.

    Pairs that cannot be used are reported as they are met.
    """
    with tqdm(total=len(source.paths), desc='detect', unit='image', disable=disable) as bar:
        for outcome in detect_pairs(detector, source, labels):
            if outcome.error:
                bar.write(f'skipped: {outcome.error}')
            yield outcome
            bar.update()


def detect_folder(source: PairSource,
                  detector: BaseDetector,
                  out_dir: str | Path,
                  labels: LabelSource | None = None,
                  save_map: bool = False,
                  save_sr: bool = False,
                  report: bool = True,
                  show_progress: bool = True) -> list[ImageResult]:
    """Detect the artifacts of every pair and write them down; see :class:`ResultWriter`.

    An image that cannot be used is reported, noted in the tables, and skipped. What was done
    counts, also when somebody stops the rest. While one image is worked on, the next is read and
    the one before written. Of several processes, see :func:`mmdesra.apis.processes.joined`, each
    does its share, and the first writes the tables and the report.

    Args:
        source (PairSource): The pairs.
        detector (BaseDetector): The detector.
        out_dir (str | Path): Made if missing; results of the same names are replaced.
        labels (LabelSource, optional): Label maps; None switches the semantic step off.
        save_map (bool): Whether to write the maps.
        save_sr (bool): Whether to write the SR images.
        report (bool): Whether to write ``report.html``, too.
        show_progress (bool): Whether to show a progress bar.

    Returns:
        list[ImageResult]: One for each pair, in the order of the source.

    Raises:
        InputError: If results would be written into the folder of the images, or another run is
            at work in ``out_dir``.
        OSError: If ``out_dir`` cannot be written.
    """
    with ExitStack() as stack:
        def open_folder() -> None:
            stack.enter_context(held_folder(out_dir))
            writer = ResultWriter(out_dir, detector, labels, save_map, save_sr)
            writer.refuse_inputs(source.files)
            writer.remove_parts()

        call_in_first(open_folder)
        writer = ResultWriter(out_dir, detector, labels, save_map, save_sr)
        results = _Results(writer, source.paths)
        meeting = Meeting(results.bring, results.receive)
        stack.callback(meeting.part)
        stack.callback(results.write_tables)
        if report:
            results.page = stack.enter_context(_report(writer))
        stack.enter_context(meeting)
        outcomes = stack.enter_context(closing(  # else its bar stays open under an error
            detect_with_progress(source.share(get_rank(), get_world_size()), detector, labels,
                                 disable=not (show_progress and is_main_process()))))
        for written in stack.enter_context(closing(in_background(results.write, outcomes))):
            written.result()
    return results.in_order()


class _Results:
    """What becomes of the images, in files and in figures.

    Args:
        writer (ResultWriter): Writes the files.
        paths (Sequence[Path]): The images of all processes.

    Attributes:
        page (ReportWriter, optional): The report, or this process's part of it.
    """

    def __init__(self, writer: ResultWriter, paths: Sequence[Path]) -> None:
        self.page: ReportWriter | None = None
        self._writer = writer
        self._numbers = {path: number for number, path in enumerate(paths)}
        self._results: dict[int, ImageResult] = {}

    def in_order(self) -> list[ImageResult]:
        return [self._results[number] for number in sorted(self._results)]

    def write(self, outcome: Outcome) -> None:
        number, result = self._numbers[outcome.path], self._writer.result_of(outcome)
        if not outcome.error:
            self._writer.write_pictures(outcome)
        if self.page:
            _add_to_report(self.page, outcome, result, number)
        self._results[number] = result

    def bring(self) -> tuple[dict[int, ImageResult], ReportPart | None]:
        """Return what the other processes need."""
        page = None if is_main_process() else self.page
        return self._results, page.hand_over() if page else None

    def receive(self, brought: tuple[dict[int, ImageResult], ReportPart | None]) -> None:
        """Add what another process has brought."""
        results, part = brought
        self._results.update(results)
        if self.page and part is not None and is_main_process():
            self.page.take_in(part)

    def write_tables(self) -> None:
        """Write them, if this is the first process and anything was done."""
        if is_main_process() and self._results:
            self._writer.write_tables(self.in_order())


def _report(writer: ResultWriter) -> ReportWriter:
    detector, labels = writer.detector, writer.labels
    settings = dict(detector.describe())
    settings.pop('type', None)  # in the title
    settings.pop('class_bins', None)  # 150 numbers; detections.json has them
    if detector.uses_labels:
        settings['semantic step'] = type(labels).__name__ if labels else 'off'
    title = f'Artifacts found by {type(detector).__name__}'
    path = writer.out_dir / REPORT_NAME
    part = path.with_name(f'.{REPORT_NAME}.{get_rank()}{PART_SUFFIX}')
    return ReportWriter(path, title, settings.items(), detector.map_range,
                        detector.low_is_artifact, detector.threshold,
                        part=None if is_main_process() else part)


def _add_to_report(page: ReportWriter, outcome: Outcome, result: ImageResult,
                   number: int) -> None:
    if outcome.error:
        page.add_skipped(outcome.path.name, result.error, number)
        return
    pair, detection = outcome.found
    page.add(ReportSample(outcome.path.name, pair.gan, pair.mse, detection.map, detection.mask,
                          pair.lq), number)
