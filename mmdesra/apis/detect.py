"""Detecting the artifacts of a set of images, with all that a person wants to see of it."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from tqdm import tqdm

from ..detectors import BaseDetector, Outcome, detect_pairs
from ..files import in_background
from ..files.folder_lock import held_folder
from ..generators import PairSource
from ..segmentors import LabelSource
from ..visualization.report import ReportSample, ReportWriter
from .result_writer import ResultWriter
from .results import ImageResult

REPORT_NAME = 'report.html'


def detect_with_progress(source: PairSource, detector: BaseDetector,
                         labels: LabelSource | None = None,
                         disable: bool = False) -> Iterator[Outcome]:
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
    the one before written.

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
    order = {path: number for number, path in enumerate(source.paths)}
    results: dict[Path, ImageResult] = {}

    def in_order() -> list[ImageResult]:
        return [results[path] for path in sorted(results, key=order.__getitem__)]

    with ExitStack() as stack:
        stack.enter_context(held_folder(out_dir))
        writer = ResultWriter(out_dir, detector, labels, save_map, save_sr)
        writer.refuse_inputs(source.files)
        writer.remove_parts()
        stack.callback(lambda: results and writer.write_tables(in_order()))
        page = stack.enter_context(_report(writer)) if report else None

        def write(outcome: Outcome) -> None:
            result = writer.result_of(outcome)
            if not outcome.error:
                writer.write_pictures(outcome)
            if page:
                _add_to_report(page, outcome, result)
            results[outcome.path] = result

        outcomes = detect_with_progress(source, detector, labels, not show_progress)
        for written in stack.enter_context(closing(in_background(write, outcomes))):
            written.result()
    return in_order()


def _report(writer: ResultWriter) -> ReportWriter:
    detector, labels = writer.detector, writer.labels
    settings = dict(detector.describe())
    settings.pop('type', None)  # in the title
    settings.pop('class_bins', None)  # 150 numbers; detections.json has them
    if detector.uses_labels:
        settings['semantic step'] = type(labels).__name__ if labels else 'off'
    title = f'Artifacts found by {type(detector).__name__}'
    return ReportWriter(writer.out_dir / REPORT_NAME, title,
                        settings.items(), detector.map_range, detector.low_is_artifact,
                        detector.threshold)


def _add_to_report(page: ReportWriter, outcome: Outcome, result: ImageResult) -> None:
    if outcome.error:
        page.add_skipped(outcome.path.name, result.error)
        return
    pair, detection = outcome.pair, outcome.detection
    page.add(ReportSample(outcome.path.name, pair.gan, pair.mse, detection.map, detection.mask,
                          pair.lq))
