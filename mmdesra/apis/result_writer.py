"""The files of a detection run."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..detectors import BaseDetector, Outcome
from ..errors import InputError
from ..files import (
    ImageError,
    image_name,
    make_output_folder,
    remove_parts,
    write_image,
    write_map,
    write_mask,
)
from ..files.atomic import make_parent
from ..segmentors import LabelSource
from ..visualization import draw_overlay
from ..visualization.report_files import ReportFiles
from .results import (
    JSON_NAME,
    REPORT_NAME,
    TABLE_NAME,
    ImageResult,
    write_results_json,
    write_table,
)

OVERLAY_QUALITY = 90


class ResultWriter:
    """Writes outcomes down one by one, and the tables at the end.

    NAME is that of :func:`mmdesra.files.image_name`: images in sub-folders have results in such.
    ``out_dir`` gets ``mask/NAME.png`` (0/255), ``overlay/NAME.jpg``, ``detections.csv`` and
    ``detections.json``; on request also ``map/NAME.png`` (16 bits, 0 and 65535 are the ends of
    the detector's ``map_range``) and ``sr/gan/NAME.png`` with ``sr/mse/NAME.png``.

    Args:
        out_dir (str | Path): Made if missing; results of the same names are replaced.
        detector (BaseDetector): What found them.
        labels (LabelSource, optional): What labelled the images.
        save_map (bool): Whether to write the maps.
        save_sr (bool): Whether to write the SR images.
        pairs (Mapping, optional): Where the SR images come from, for ``detections.json``, see
            :meth:`PairSource.describe`.
        report (bool): Whether there will be a report, with files of its own.

    Raises:
        OSError: If ``out_dir`` cannot be written.
    """

    def __init__(self, out_dir: str | Path, detector: BaseDetector,
                 labels: LabelSource | None = None, save_map: bool = False,
                 save_sr: bool = False, pairs: Mapping | None = None,
                 report: bool = False) -> None:
        self.out_dir = make_output_folder(out_dir)
        self.detector = detector
        self.labels = labels
        self.save_map = save_map
        self.save_sr = save_sr
        self.pairs = pairs or {}
        names = ['mask', 'overlay'] + ['map'] * save_map + ['sr/gan', 'sr/mse'] * save_sr
        self._folders = [make_output_folder(self.out_dir / name) for name in names]
        self.report_files = ReportFiles(self.out_dir / REPORT_NAME) if report else None

    @property
    def folders(self) -> list[Path]:
        """list[Path]: All that pictures are written into; not all need be there."""
        return [*self._folders, *([self.report_files.folder] if self.report_files else [])]

    def remove_parts(self) -> None:
        """Remove what killed runs left; while no other run is at work in the folder."""
        remove_parts(self.out_dir)
        for folder in self.folders:
            remove_parts(folder, recursive=True)

    def refuse_inputs(self, paths: Iterable[Path]) -> None:
        """Make sure that no picture will be written over one of the images it is made from.

        Label maps that are stored are looked after, too.

        Raises:
            InputError: If one of ``paths`` lies where pictures will be written.
        """
        paths = list(paths)
        if self.labels is not None and paths:
            with suppress(ImageError):  # there is none for this image: told when its turn comes
                paths += filter(None, [self.labels.stored_file(paths[0])])
        ours = {folder.resolve() for folder in self.folders}
        folders: dict[Path, Path] = {}
        for path in paths:
            folders.setdefault(path.parent, path)
        for folder, path in folders.items():
            if not ours.isdisjoint((folder.resolve(), *folder.resolve().parents)):
                raise InputError(f'{path}: lies in a folder that results are written into; '
                                 f'expected another folder for them than {self.out_dir}')

    def write_pictures(self, outcome: Outcome) -> None:
        """Write the pictures of one pair that could be used."""
        name, (pair, detection) = image_name(outcome.path), outcome.found
        for path in self.files_of(name):
            make_parent(path)
        write_mask(self.mask_path(name), detection.mask)
        write_image(self.out_dir / 'overlay' / f'{name}.jpg',
                    draw_overlay(pair.gan, detection.mask), quality=OVERLAY_QUALITY)
        if self.save_map:
            write_map(self.out_dir / 'map' / f'{name}.png', detection.map,
                      self.detector.map_range)
        if self.save_sr:
            write_image(self.out_dir / 'sr/gan' / f'{name}.png', pair.gan)
            write_image(self.out_dir / 'sr/mse' / f'{name}.png', pair.mse)

    def files_of(self, name: str) -> list[Path]:
        """Return the files that :meth:`write_pictures` writes."""
        return [folder / f'{name}{".jpg" if folder.name == "overlay" else ".png"}'
                for folder in self._folders]

    def all_files_of(self, name: str, number: int) -> list[Path]:
        """Return all that belongs to one image, the report's files of it, too."""
        return [*self.files_of(name),
                *(self.report_files.files_of(number) if self.report_files else [])]

    def mask_path(self, name: str) -> Path:
        """Return the file of a mask."""
        return self.out_dir / 'mask' / f'{name}.png'

    def result_of(self, outcome: Outcome) -> ImageResult:
        """Sum up an outcome; an error says if a mask from an earlier run is still there."""
        result = ImageResult.of(outcome)
        mask = self.mask_path(image_name(outcome.path))
        if result.error and mask.is_file():
            return replace(result, error=f'{result.error} ({mask} is from an earlier run)')
        return result

    def write_tables(self, results: list[ImageResult]) -> None:
        """Write ``detections.csv`` and ``detections.json``."""
        write_table(self.out_dir / TABLE_NAME, results)
        write_results_json(self.out_dir / JSON_NAME, results, self.detector, self.labels,
                           self.pairs)
