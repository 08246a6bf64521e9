"""Detecting the artifacts of a folder of images."""
from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tqdm import tqdm

from ..detectors import BaseDetector, Detection, detect_image
from ..files import ImageError, make_output_folder, write_bytes, write_image, write_map, write_mask
from ..generators import Pair, PairSource
from ..segmentors import LabelSource
from ..visualization import draw_overlay

logger = logging.getLogger('mmdesra')

TABLE_NAME = 'detections.csv'
OVERLAY_QUALITY = 90


@dataclass(frozen=True)
class ImageResult:
    """One row of ``detections.csv``.

    Attributes:
        image (str): File name.
        width (int): Of the SR image, in px.
        height (int): Of the SR image, in px.
        regions (int): Artifact regions.
        artifact_px (int): Artifact pixels.
        artifact_share (float): Artifact pixels / all pixels, in [0, 1].
        largest_px (int): Area of the largest region.
        error (str): Why the image was skipped; empty if it was not.
    """
    image: str
    width: int = 0
    height: int = 0
    regions: int = 0
    artifact_px: int = 0
    artifact_share: float = 0.0
    largest_px: int = 0
    error: str = ''

    @classmethod
    def of(cls, image: str, detection: Detection) -> ImageResult:
        """Sum up a detection."""
        height, width = detection.mask.shape
        areas = detection.regions.areas
        return cls(image, width, height, len(areas), detection.area,
                   round(detection.area / (height * width), 6),
                   int(areas.max()) if len(areas) else 0)


def detect_folder(source: PairSource,
                  detector: BaseDetector,
                  out_dir: str | Path,
                  labels: LabelSource | None = None,
                  save_map: bool = False,
                  save_sr: bool = False) -> list[ImageResult]:
    """Detect the artifacts of every pair and write them down.

    ``out_dir`` gets ``mask/NAME.png`` (0/255), ``overlay/NAME.jpg``, ``detections.csv``, and
    with ``save_map`` also ``map/NAME.png`` (16-bit, 65535 = 1.0), with ``save_sr`` also
    ``sr/gan/NAME.png`` and ``sr/mse/NAME.png``. An image that cannot be used is reported, noted
    in the table, and skipped.

    Args:
        source (PairSource): The pairs.
        detector (BaseDetector): The detector.
        out_dir (str | Path): Made if missing; results of the same names are replaced.
        labels (LabelSource, optional): Label maps; None switches the semantic step off.
        save_map (bool): Whether to write the maps.
        save_sr (bool): Whether to write the SR images.

    Returns:
        list[ImageResult]: One for each pair, in the order of the names.

    Raises:
        OSError: If ``out_dir`` cannot be written.
    """
    out_dir = make_output_folder(out_dir)
    for name in ['mask', 'overlay'] + ['map'] * save_map + ['sr/gan', 'sr/mse'] * save_sr:
        make_output_folder(out_dir / name)
    results = []
    try:
        for path in tqdm(source.paths, 'detect', unit='image'):
            try:
                pair = source.load(path)
                detection = detect_image(detector, pair.gan, pair.mse, path, labels)
                _write_pictures(out_dir, path.stem, pair, detection, save_map, save_sr)
                results.append(ImageResult.of(path.name, detection))
            except ImageError as error:
                tqdm.write(f'skipped: {error}')
                results.append(ImageResult(path.name, error=str(error)))
    finally:  # what was done counts, also when somebody stops the rest
        _write_table(out_dir / TABLE_NAME, results)
    return results


def _write_pictures(out_dir: Path, name: str, pair: Pair, detection: Detection, save_map: bool,
                    save_sr: bool) -> None:
    write_mask(out_dir / 'mask' / f'{name}.png', detection.mask)
    write_image(out_dir / 'overlay' / f'{name}.jpg', draw_overlay(pair.gan, detection.mask),
                quality=OVERLAY_QUALITY)
    if save_map:
        write_map(out_dir / 'map' / f'{name}.png', detection.map)
    if save_sr:
        write_image(out_dir / 'sr/gan' / f'{name}.png', pair.gan)
        write_image(out_dir / 'sr/mse' / f'{name}.png', pair.mse)


def _write_table(path: Path, results: Sequence[ImageResult]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [column.name for column in fields(ImageResult)])
    writer.writeheader()
    writer.writerows(asdict(result) for result in results)
    # A file name need not be text; the table is.
    write_bytes(path, text.getvalue().encode('utf-8', 'backslashreplace'))
