"""Detecting the artifacts of a set of images, with all that a person wants to see of it."""
from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from mmengine.dist import get_rank, get_world_size, is_main_process
from tqdm import tqdm

from ..detectors import BaseDetector, Outcome, detect_pairs
from ..files import image_name, in_background, shown_name
from ..files.folder_lock import held_folder
from ..files.image_path import composed
from ..files.inputs import refuse_inside
from ..files.run_description import RunDescription, describe_folder, weights_of
from ..generators import PairSource
from ..generators.tile_progress import tiles_shown
from ..segmentors import LabelSource
from .journal import DoneImage, signature, sizes_of
from .processes import Meeting, call_in_first
from .progress import Progress, Resumed
from .result_writer import ResultWriter
from .results import ImageResult
from .run_results import RunResults


def detect_with_progress(source: PairSource, detector: BaseDetector,
                         labels: LabelSource | None = None, disable: bool = False,
                         done: int = 0) -> Generator[Outcome, None, None]:
    """Detect on every pair, as :func:`detect_pairs`, with a bar that tells the time left.

    Pairs that cannot be used are reported as they are met. The bar begins at the ``done`` that
    an earlier run has done.
    """
    with tqdm(total=done + len(source.paths), initial=done, desc='detect', unit='image',
              disable=disable) as bar, tiles_shown(bar, *source.upscalers):
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
                  show_progress: bool = True,
                  resume: bool = False) -> list[ImageResult]:
    """Detect the artifacts of every pair and write them down; see :class:`ResultWriter`.

    An image that cannot be used is reported, noted in the tables, and skipped. What was done
    counts, also when somebody stops the rest, and can be resumed: see :class:`Progress`. While
    one image is worked on, the next is read and the one before written. Of several processes, see
    :func:`mmdesra.apis.processes.joined`, each does its share, and the first writes the tables
    and the report.

    Which run it was, :mod:`mmdesra.files.run_description` notes in ``run.json``.

    Args:
        source (PairSource): The pairs.
        detector (BaseDetector): The detector.
        out_dir (str | Path): Made if missing; results of the same names are replaced.
        labels (LabelSource, optional): Label maps; None switches the semantic step off.
        save_map (bool): Whether to write the maps.
        save_sr (bool): Whether to write the SR images.
        report (bool): Whether to write ``report.html``, too, and what lies beside it.
        show_progress (bool): Whether to show a progress bar.
        resume (bool): Whether to leave out what a stopped run in ``out_dir`` has done, however
            many processes it had. Images that have changed, whose files are gone or that were
            skipped are done again; all of them where there is no stopped run.

    Returns:
        list[ImageResult]: One for each pair, in the order of the source.

    Raises:
        InputError: If results would be written into the folder of the images, or below one that
            is read with its sub-folders, another run is at work in ``out_dir``, or the run to be
            resumed had other settings.
        OSError: If ``out_dir`` cannot be written.
    """
    pairs = source.describe()
    settings = dict(pairs=pairs, detector=detector.describe(),
                    labels=labels.describe() if labels else None,
                    save_map=save_map, save_sr=save_sr, report=report)
    progress = Progress(Path(out_dir), settings)
    refuse_inside(out_dir, source.open_ended)
    rank, world_size = get_rank(), get_world_size()
    is_shown = show_progress and is_main_process()
    make_writer = partial(ResultWriter, out_dir, detector, labels, save_map, save_sr, pairs,
                          report)
    with ExitStack() as stack:
        def open_folder() -> tuple[Resumed, RunDescription]:
            stack.enter_context(held_folder(out_dir))
            noted = progress.noted() if resume else {}
            writer = make_writer()
            writer.refuse_inputs(source.files)
            writer.remove_parts()
            if not resume:
                progress.remove()
            before = progress.resume(noted, partial(_is_current, source, writer))
            stack.enter_context(progress.kept_if_stopped(len(source.paths)))
            return before, describe_folder(out_dir, settings, weights_of(source, detector, labels),
                                           goes_on=bool(noted))

        before, description = call_in_first(open_folder)
        if resume and is_shown:
            _tell(before, source)
        writer = make_writer()
        share = source.only([path for number, path in enumerate(source.paths)
                             if number not in before.results]).share(rank, world_size)
        journal = progress.journal(before.session, rank)
        results = RunResults(writer, source, before, journal)
        meeting = Meeting(results.bring, results.receive)
        stack.callback(meeting.part)
        stack.callback(journal.close)
        stack.callback(results.write_tables)
        results.open_report(stack, description)
        stack.enter_context(meeting)
        done = len(range(rank, len(before.results), world_size))  # as if they had been shared
        outcomes = stack.enter_context(closing(  # else its bar stays open under an error
            detect_with_progress(share.telling(results.will_read), detector, labels,
                                 not is_shown, done)))
        for written in stack.enter_context(closing(in_background(results.write, outcomes))):
            written.result()
    return results.in_order()


def _is_current(source: PairSource, writer: ResultWriter, image: DoneImage) -> bool:
    """Whether an image is the one that was done, and all that was made of it is there."""
    number, files = image.number, writer.report_files
    if not 0 <= number < len(source.paths) or (
            files and not (image.row and image.row.pictures and files.is_data(number))):
        return False
    path = source.paths[number]
    sizes = sizes_of(writer.all_files_of(image_name(path), number))
    return (composed(image.result.image) == composed(shown_name(path)) and min(sizes) > 0
            and image.sizes == sizes
            and image.made_from == (signature(source, writer.labels, path) or None))


def _tell(before: Resumed, source: PairSource) -> None:
    tqdm.write(f'resumed: {len(before.results)} of {len(source.paths)} images were done before'
               if before.results else 'nothing to resume: starting with the first image')
