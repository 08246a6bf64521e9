"""Calibrating the class table of the semantic step on a set of pairs with label maps."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..detectors import ClassTable, DeSRA, Detection, Outcome, detect_pairs
from ..errors import InputError
from ..files import (
    ImageError,
    ImageFolder,
    image_name,
    make_output_folder,
    read_mask,
    shown_name,
    size_of,
)
from ..files.tables import write_json
from ..generators import PairSource
from ..ops.calibration import MIN_PIXELS, SHARE, DifferenceHistogram
from ..ops.semantics import NUM_INTERVALS
from ..segmentors import LabelSource

TABLE_NAME = 'class_table.csv'
REPORT_NAME = 'calibration.json'

CALIBRATED, FALLBACK = 'calibrated', 'fallback'


@dataclass(frozen=True)
class Calibration:
    """The class bins that were found on a set of pairs.

    Attributes:
        histogram (DifferenceHistogram): D of the K classes over the pixels without artifacts.
        fallback (ClassTable): The classes, and the bins for classes with too few pixels.
        share (float): See :meth:`DifferenceHistogram.bins`.
        min_pixels (int): Pixels that a class needs to get a new bin.
        images (int): Number of pairs that were counted.
        skipped (dict[str, str]): File name of each pair that was skipped, and the reason.
    """
    histogram: DifferenceHistogram
    fallback: ClassTable
    share: float = SHARE
    min_pixels: int = MIN_PIXELS
    images: int = 0
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def pixels(self) -> list[int]:
        """list[int]: Counted pixels of each class."""
        return self.histogram.pixels.tolist()

    @property
    def sources(self) -> list[str]:
        """list[str]: For each class, whether its bin is calibrated or the fallback."""
        return [CALIBRATED if count >= self.min_pixels else FALLBACK for count in self.pixels]

    @property
    def table(self) -> ClassTable:
        """ClassTable: The calibrated table."""
        found = self.histogram.bins(self.share).tolist()
        bins = (mine if source == CALIBRATED else other
                for mine, other, source in zip(found, self.fallback.bins, self.sources))
        return ClassTable(self.fallback.names, tuple(bins))


CleanArea = Callable[[Path, Detection], np.ndarray]
"""A rule that says which pixels have no artifacts. From the image's path and what the detector
finds without label maps it returns bool, shape ``(H, W)``."""


def outside_detections(path: Path, detection: Detection) -> np.ndarray:
    """Return the pixels outside the mask detected without label maps, bool ``(H, W)``."""
    return ~detection.mask


def everywhere(path: Path, detection: Detection) -> np.ndarray:
    """Return all pixels, for images that somebody has checked; bool ``(H, W)``, all True."""
    return np.ones_like(detection.mask)


class OutsideMasks:
    """The rule that takes pixels outside of masks on disk, which are matched by file stem.

    Args:
        folder (str | Path): 0/255 images. An image without artifacts needs a black mask, because
            a missing mask may just not have been drawn.

    Raises:
        ImageError: If the folder does not exist or holds no image.
    """

    def __init__(self, folder: str | Path) -> None:
        self._images = ImageFolder.checked(folder)

    def __call__(self, path: Path, detection: Detection) -> np.ndarray:
        """Return the pixels of the image ``path`` that have no artifacts."""
        mask_path = self._images.find(image_name(path))
        mask = read_mask(mask_path)
        if mask.shape != detection.mask.shape:
            raise ImageError(f'{mask_path}: expected the size of the SR image '
                             f'{size_of(detection.mask)}, got {size_of(mask)}')
        return ~mask


def load_classes(path: str | Path) -> ClassTable:
    """Read classes: a class table (.csv), or a text file of names, which all get bin 0.

    Raises:
        InputError: If the file is neither.
    """
    path = Path(path)
    if path.suffix.lower() == '.csv':
        return ClassTable.load(path)
    if not path.is_file():
        raise InputError(f'{path}: expected a class table (.csv) or class names, one a line, '
                         'found no such file')
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: expected class names, one a line ({error})') from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise InputError(f'{path}: expected class names, one a line, found none')
    return ClassTable(names, (0.,) * len(names))


def calibrate(source: PairSource,
              labels: LabelSource,
              fallback: ClassTable,
              detector: DeSRA,
              clean_area: CleanArea = outside_detections,
              share: float = SHARE,
              min_pixels: int = MIN_PIXELS) -> Calibration:
    """Find the bin of each class, see :mod:`mmdesra.ops.calibration`.

    A pair that cannot be used is logged and skipped.

    Args:
        source (PairSource): The pairs.
        labels (LabelSource): Label maps of their GAN-SR images, in the order of ``fallback``.
        fallback (ClassTable): The classes, and the bins for classes with too few pixels.
        detector (DeSRA): Computes D, and the regions for :func:`outside_detections`.
        clean_area (CleanArea): Says which pixels are without artifacts.
        share (float): Share of a class's pixels to cover, in [0, 1). Published: 0.85.
        min_pixels (int): Pixels that a class needs to get a new bin, at least 1.

    Raises:
        InputError: If ``share`` or ``min_pixels`` is out of range, no pair can be used, or no
            class has enough pixels.
    """
    if not 0 <= share < 1:
        raise InputError(f'expected a share in [0, 1), got {share}')
    if min_pixels < 1:
        raise InputError(f'expected a number of pixels of at least 1, got {min_pixels}')
    counter = _Counter(labels, len(fallback.names), detector, clean_area)
    batch: list[Outcome] = []
    outcomes = detect_pairs(detector, source)  # without label maps the detector's map is D itself
    for outcome in tqdm(outcomes, 'calibrate', len(source.paths), unit='image'):
        if outcome.error:
            counter.skip(outcome.path, outcome.error)
            continue
        batch.append(outcome)
        if len(batch) >= labels.batch_size:
            counter.count(batch)
            batch = []
    if batch:
        counter.count(batch)
    if not counter.images:
        raise InputError('no pair can be used, so there is nothing to calibrate with')
    result = Calibration(counter.histogram, fallback, share, min_pixels, counter.images,
                         counter.skipped)
    if CALIBRATED not in result.sources:
        raise InputError(f'no class has {min_pixels} pixels without artifacts, the most frequent '
                         f'one has {max(result.pixels)}; give more images or a lower --min-pixels')
    return result


class _Counter:
    """Adds pairs to the histogram, batch by batch."""

    def __init__(self, labels: LabelSource, num_classes: int, detector: DeSRA,
                 clean_area: CleanArea) -> None:
        self.labels, self.num_classes = labels, num_classes
        self.detector, self.clean_area = detector, clean_area
        self.histogram = DifferenceHistogram.empty(num_classes)
        self.images = 0
        self.skipped: dict[str, str] = {}

    def skip(self, path: Path, error: str) -> None:
        tqdm.write(f'skipped: {error}')
        self.skipped[shown_name(path)] = error

    def count(self, batch: Sequence[Outcome]) -> None:
        label_maps: Sequence[np.ndarray | None]
        try:
            label_maps = self.labels.label([outcome.found[0].gan for outcome in batch],
                                           [outcome.path for outcome in batch])
        except (RuntimeError, ValueError):
            label_maps = [None] * len(batch)  # one of them is bad: read them one by one
        for outcome, label_map in zip(batch, label_maps):
            try:
                self.histogram += self._histogram_of(outcome, label_map)
                self.images += 1
            except ImageError as error:
                self.skip(outcome.path, str(error))
            except (RuntimeError, ValueError) as error:
                self.skip(outcome.path, f'{outcome.path}: {error}')

    def _histogram_of(self, outcome: Outcome, label_map: np.ndarray | None) -> DifferenceHistogram:
        pair, detection = outcome.found
        if label_map is None:
            label_map = self.labels.label([pair.gan], [outcome.path])[0]
        clean = self.clean_area(outcome.path, detection)
        full = detection.map, label_map.astype(np.int64), clean
        if label_map.shape != clean.shape:
            raise ValueError("expected a label map of the image's size "
                             f'{size_of(clean)}, got {size_of(label_map)}')
        difference, classes, where = (
            torch.from_numpy(np.ascontiguousarray(self.detector.valid_area(part)))
            for part in full)
        return DifferenceHistogram.of(difference, classes, self.num_classes, where)


def write_calibration(result: Calibration, out_dir: str | Path, made_from: str,
                      settings: dict) -> None:
    """Write ``class_table.csv``, for ``--class-table``, and ``calibration.json``.

    Args:
        result (Calibration): The bins that were found.
        out_dir (str | Path): The folder; made if missing.
        made_from (str): Which pixels counted as free of artifacts, in words.
        settings (dict): The other settings of the run, for ``calibration.json``.

    Raises:
        OSError: If ``out_dir`` cannot be written.
    """
    out_dir = make_output_folder(out_dir)
    table, pixels, sources = result.table, result.pixels, result.sources
    shares = result.histogram.cumulative_shares.nan_to_num(0).tolist()
    table.save(out_dir / TABLE_NAME, [
        f'Class bins calibrated on {result.images} GAN-SR/MSE-SR pairs, {sum(pixels)} pixels.',
        f'Pixels without artifacts: {made_from}.',
        (f'bin = first of the {NUM_INTERVALS} intervals of D, counted down from D = 1, with which '
         f'more than {result.share:.10g} of the pixels are covered.'),
        f'{FALLBACK} = fewer than {result.min_pixels} pixels, so the class keeps its former bin.',
    ], dict(pixels=pixels, source=sources))
    classes = [
        dict(index=k, name=name, bin=table.bins[k], source=sources[k], pixels=pixels[k],
             fallback_bin=result.fallback.bins[k], counts=result.histogram.counts[k].tolist(),
             cumulative_shares=[round(value, 6) for value in shares[k]])
        for k, name in enumerate(table.names)]
    report = dict(intervals=NUM_INTERVALS, share=result.share, min_pixels=result.min_pixels,
                  pixels_without_artifacts=made_from, **settings, pairs=result.images,
                  skipped=result.skipped, classes=classes)
    write_json(out_dir / REPORT_NAME, report)
