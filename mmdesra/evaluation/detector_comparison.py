"""Any number of detectors over one set with known masks: DeSRA's Table 1, and a sweep."""
from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..detectors import Detection, detect_image
from ..errors import InputError
from ..files import ImageError, image_name, make_output_folder, shown_name, write_mask
from ..files.atomic import make_parent
from ..files.image_path import name_some
from ..files.inputs import refuse_inside, refuse_same_files
from ..generators import Pair, PairSource
from ..ops import score_mask
from ..ops.ranking import RankedPixels
from ..ops.scores import COVERAGE
from ..segmentors import LabelSource
from .mask_scores import check_options
from .mask_source import MaskFolder, MaskSource
from .standings import Contestant, DetectorComparison, ImageStanding, Standing, SweepPoint
from .thresholds import SampledMap, in_order

logger = logging.getLogger('mmdesra')

QUANTILE_IMAGES = 5
"""Images from whose maps the thresholds of a sweep are chosen."""


class _KnownLabels(LabelSource):
    """A label map that was made before, so that detectors share it.

    It is not gated: at the thresholds of a sweep it may matter where it does not at the
    detector's own.
    """
    is_dear = False

    def __init__(self, label_map: np.ndarray) -> None:
        self.label_map = label_map

    def label(self, images: Sequence[np.ndarray], paths: Sequence[Path]) -> list[np.ndarray]:
        return [self.label_map]

    def describe(self) -> dict:
        return {}


@dataclass(frozen=True)
class _Sample:
    path: Path
    pair: Pair
    gt: np.ndarray
    labels: LabelSource | None

    def detect(self, contestant: Contestant) -> Detection:
        labels = self.labels if _uses_labels(contestant) else None
        return detect_image(contestant.detector, self.pair.gan, self.pair.mse, self.path, labels)


def compare_detectors(source: PairSource,
                      contestants: Sequence[Contestant],
                      gt_dir: str | Path | MaskSource,
                      labels: LabelSource | None = None,
                      p: float = COVERAGE,
                      margin: int = 0,
                      masks_dir: str | Path | None = None,
                      recursive: bool = False) -> DetectorComparison:
    """Score detectors on the same images, at their own threshold and over a sweep.

    The images of ``gt_dir`` are the set. One image is held at a time; its maps are made once and
    thresholded often. An image that one of the detectors cannot use is reported and skipped for
    all of them, so that all figures are of the same images.

    Args:
        source (PairSource): The pairs, matched with the masks by file stem.
        contestants (Sequence[Contestant]): The detectors, of different names.
        gt_dir (str | Path | MaskSource): Folder of known masks, 0/255, or another source of
            them.
        labels (LabelSource, optional): Label maps for the detectors that use them.
        p (float): See :func:`mmdesra.ops.score_mask`.
        margin (int): The same.
        masks_dir (str | Path, optional): Where to write each detector's masks, in a folder of
            its name, see :attr:`Contestant.folder`.
        recursive (bool): Whether to read the sub-folders of ``gt_dir``, too.

    Raises:
        InputError: If there is no contestant, two share a name, ``p`` or ``margin`` is out of
            range, or masks would be written over those of ``gt_dir``.
        ImageError: If ``gt_dir`` does not exist or holds no image.
        OSError: If ``masks_dir`` cannot be written.
    """
    check_options(p, margin)
    _check_names(contestants)
    masks = gt_dir if isinstance(gt_dir, MaskSource) else MaskFolder(gt_dir, recursive)
    if masks_dir:
        refuse_inside(masks_dir, [*source.open_ended, *[masks.folder] * recursive])
        refuse_same_files([Path(masks_dir) / one.folder for one in contestants],
                          [masks.folder, *{path.parent for path in source.files}])
    if not any(_uses_labels(contestant) for contestant in contestants):
        labels = None
    reader = _Reader(source, masks, labels)
    samplers = _sample_maps(reader, contestants)
    standings = [
        Standing(contestant, labels is not None and _uses_labels(contestant), seconds=0,
                 sweep=[SweepPoint(threshold) for threshold in _thresholds(contestant, sampler)])
        for contestant, sampler in zip(contestants, samplers)]
    all_edges = [sampler.edges() for sampler in samplers]
    folders = [make_output_folder(Path(masks_dir) / one.folder) if masks_dir else None
               for one in contestants]
    rows = []
    for gt_path in tqdm(masks.paths, 'compare', unit='image'):
        try:
            sample = reader.read(gt_path)
            judged = [_judge(standing, sample, p, margin, folder, edges)
                      for standing, folder, edges in zip(standings, folders, all_edges)]
        except ImageError as error:
            logger.warning('skipped: %s', error)
            rows.append(ImageStanding(shown_name(gt_path), error=str(error)))
            continue
        rows += [ImageStanding(shown_name(gt_path), one.contestant.name, one) for one in judged]
        standings = [_add(*two) for two in zip(standings, judged)]
    if reader.unscored:
        logger.warning('%d pairs have no mask in %s and were not scored: %s',
                       len(reader.unscored), masks.folder, name_some(reader.unscored))
    return DetectorComparison(standings, rows, p, margin, reader.unscored)


class _Reader:
    """Reads what belongs to a known mask: the pair, and the label map."""

    def __init__(self, source: PairSource, masks: MaskSource,
                 labels: LabelSource | None) -> None:
        self.source = source
        self.masks = masks
        self.labels = labels
        self._kept: dict[Path, np.ndarray] = {}
        self._paths = {image_name(path): path for path in source.paths}
        names = set(map(image_name, masks.paths))
        self.unscored = [shown_name(path) for path in source.paths
                         if image_name(path) not in names]

    def read(self, gt_path: Path, again: bool = False) -> _Sample:
        """Read a sample; if it will be read again its label map is kept, as making one is slow."""
        path = self._paths.get(image_name(gt_path))
        if path is None:
            raise ImageError(f'{gt_path}: no pair has this file stem')
        pair = self.source.load(path)
        gt = self.masks.read(gt_path, pair.gan)
        known = None
        if self.labels is not None:
            known = _KnownLabels(self._label(path, pair, again))
        return _Sample(path, pair, gt, known)

    def _label(self, path: Path, pair: Pair, again: bool) -> np.ndarray:
        assert self.labels is not None
        label_map = self._kept.pop(path, None)
        if label_map is None:
            label_map = self.labels.label([pair.gan], [path])[0]
        if again:
            self._kept[path] = label_map
        return label_map


def _uses_labels(contestant: Contestant) -> bool:
    return contestant.with_labels and contestant.detector.uses_labels


def _thresholds(contestant: Contestant, sampler: SampledMap) -> list[float]:
    """The thresholds of a contestant's sweep."""
    if contestant.thresholds:
        return in_order(contestant.detector, contestant.thresholds)
    return sampler.thresholds()


def _sample_maps(reader: _Reader, contestants: Sequence[Contestant]) -> list[SampledMap]:
    samplers = [SampledMap(contestant.detector) for contestant in contestants]
    for sample in _spread_samples(reader):
        for sampler, contestant in zip(samplers, contestants):
            with suppress(ImageError):  # reported when its turn comes
                sampler.add(sample.detect(contestant))
    return samplers


def _spread_samples(reader: _Reader) -> Iterator[_Sample]:
    paths = reader.masks.paths
    count = min(QUANTILE_IMAGES, len(paths))
    chosen = np.linspace(0, len(paths) - 1, count).round().astype(int)
    for index in tqdm(chosen, 'choose thresholds', unit='image'):
        with suppress(ImageError):  # reported when its turn comes
            yield reader.read(paths[index], again=True)


def _judge(standing: Standing, sample: _Sample, p: float, margin: int,
           folder: Path | None, edges: np.ndarray) -> Standing:
    """The standing of one image alone."""
    detector = standing.contestant.detector
    start = time.perf_counter()
    detection = sample.detect(standing.contestant)
    seconds = time.perf_counter() - start
    if folder is not None:
        write_mask(make_parent(folder / f'{image_name(sample.path)}.png'), detection.mask)
    gt = torch.from_numpy(sample.gt)
    masks = ((point.threshold, detector.mask_at(detection.map, point.threshold))
             for point in standing.sweep)
    try:
        sweep = [SweepPoint(threshold, score_mask(torch.from_numpy(mask), gt, p, margin))
                 for threshold, mask in masks]
    except ValueError as error:  # the margin leaves nothing of a small image
        raise ImageError(f'{sample.path}: {error}') from error
    ranking = RankedPixels.count(_inside(detection.map, margin), _inside(sample.gt, margin),
                                 edges, detector.low_is_artifact)
    return replace(standing, seconds=seconds, sweep=sweep, ranking=ranking)


def _inside(full: np.ndarray, margin: int) -> np.ndarray:
    height, width = full.shape
    return full[margin:height - margin, margin:width - margin]


def _add(total: Standing, one: Standing) -> Standing:
    sweep = [SweepPoint(a.threshold, a.scores + b.scores)
             for a, b in zip(total.sweep, one.sweep)]
    ranking = one.ranking
    if total.ranking is not None and ranking is not None:
        ranking = total.ranking + ranking
    return replace(total, seconds=total.seconds + one.seconds, sweep=sweep, ranking=ranking)


def _check_names(contestants: Sequence[Contestant]) -> None:
    if not contestants:
        raise InputError('expected at least one detector, got none')
    names = [contestant.folder for contestant in contestants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f'expected detectors of different names, got {", ".join(twice)} twice; '
                         'name them: LABEL=DETECTOR')
