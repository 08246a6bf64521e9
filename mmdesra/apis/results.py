"""What a detection run says of its images: one row each, as CSV and as JSON."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
import torch

from ..detectors import BaseDetector, Outcome
from ..files import shown_name
from ..files.dropped_regions import name_dropped
from ..files.tables import write_csv, write_json
from ..generators import Pair
from ..ops import WINDOW_SIZE, Regions, region_strengths
from ..segmentors import LabelSource

TABLE_NAME = 'detections.csv'
JSON_NAME = 'detections.json'
REPORT_NAME = 'report.html'

IN_JSON_ONLY = 'boxes', 'strengths'


@dataclass(frozen=True)
class ImageResult:
    """One row of ``detections.csv``.

    Attributes:
        image (str): File name, after the sub-folder that it is in.
        width (int): Of the SR image, in px.
        height (int): Of the SR image, in px.
        regions (int): Artifact regions.
        artifact_px (int): Artifact pixels.
        artifact_share (float): Artifact pixels / all pixels, in [0, 1].
        largest_px (int): Area of the largest region.
        strength (float, optional): How much more texture the artifact pixels have than the
            reference, see :func:`mmdesra.ops.region_strengths`: their mean, in grey levels. None:
            there are none, or no reference to compare with.
        largest_dropped_px (int): Area of the largest region that does not count, because it is
            not above the detector's smallest area; 0: there is none.
        labelled (bool): Whether a label map was used.
        error (str): Why the image was skipped; empty if it was not.
        boxes (list): Of each region ``x, y, width, height, area``, in px; in the JSON only.
        strengths (list): Of each region its strength, in the order of ``boxes``; in the JSON
            only. Empty where there is no reference.
    """
    image: str
    width: int = 0
    height: int = 0
    regions: int = 0
    artifact_px: int = 0
    artifact_share: float = 0.0
    largest_px: int = 0
    strength: float | None = None
    largest_dropped_px: int = 0
    labelled: bool = False
    error: str = ''
    boxes: list[list[int]] = field(default_factory=list)
    strengths: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, outcome: Outcome) -> ImageResult:
        """Sum up what became of a pair."""
        if outcome.error:
            return cls(shown_name(outcome.path), error=outcome.error)
        pair, detection = outcome.found
        regions = detection.regions
        height, width = detection.mask.shape
        areas, strengths = regions.areas.tolist(), _strengths(pair, regions)
        strength = float(np.average(strengths, weights=areas)) if strengths else None
        return cls(shown_name(outcome.path), width, height, len(areas), detection.area,
                   round(detection.area / (height * width), 6), max(areas, default=0),
                   None if strength is None else round(strength, 3),
                   detection.largest_dropped, outcome.labelled,
                   boxes=[[*box, area] for box, area in zip(regions.boxes.tolist(), areas)],
                   strengths=[round(one, 3) for one in strengths])


def write_table(path: str | Path, results: Sequence[ImageResult]) -> None:
    """Write ``detections.csv``, atomically."""
    columns = [column.name for column in fields(ImageResult) if column.name not in IN_JSON_ONLY]
    write_csv(path, columns, ({name: getattr(result, name) for name in columns}
                              for result in results))


def write_results_json(path: str | Path, results: Sequence[ImageResult], detector: BaseDetector,
                       labels: LabelSource | None, pairs: Mapping | None = None) -> None:
    """Write ``detections.json``, atomically: the settings, the totals and the images.

    ``pairs`` says where the SR images come from, see :meth:`PairSource.describe`.
    """
    write_json(path, dict(
        pairs=pairs or {}, detector=detector.describe(),
        labels=labels.describe() if labels else None,
        map=dict(range=list(detector.map_range), threshold=detector.threshold,
                 low_is_artifact=detector.low_is_artifact),
        totals=totals(results), images=[asdict(result) for result in results]))


def _strengths(pair: Pair, regions: Regions) -> list[float]:
    """How strong the regions are; nothing where the image is compared with itself, or tiny."""
    if not len(regions) or min(pair.gan.shape[:2]) < WINDOW_SIZE or np.array_equal(pair.gan,
                                                                                   pair.mse):
        return []
    gan, mse = (torch.from_numpy(np.require(image, requirements=['C', 'W'])).permute(2, 0, 1)
                for image in (pair.gan, pair.mse))
    return region_strengths(gan, mse, regions)


def totals(results: Sequence[ImageResult]) -> dict:
    """Return the figures of a whole run; skipped images count as skipped only."""
    done = [result for result in results if not result.error]
    pixels = sum(result.width * result.height for result in done)
    area = sum(result.artifact_px for result in done)
    return dict(images=len(done), skipped=len(results) - len(done),
                images_with_artifacts=sum(result.regions > 0 for result in done),
                regions=sum(result.regions for result in done), artifact_px=area,
                artifact_share=round(area / pixels, 6) if pixels else 0.0,
                labelled=sum(result.labelled for result in done))


def about_dropped(results: Sequence[ImageResult]) -> str:
    """Say what was dropped for its size, and how to see it; empty if nothing was."""
    return name_dropped((result.image, result.largest_dropped_px) for result in results)
