"""Making a benchmark of real artifacts, whose masks come from ground truths instead of people."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ..datasets.truth_samples import TruthSample, TruthSource
from ..detectors import BaseDetector
from ..errors import InputError
from ..evaluation.truth_labels import KINDS, PERCEPTUAL, TruthRules, truth_masks
from ..files import make_output_folder, write_image, write_mask
from ..files.inputs import refuse_same_files
from ..files.tables import markdown_table, write_json
from ..ops import label_regions

logger = logging.getLogger('mmdesra')

MANIFEST_NAME = 'manifest.json'
IMAGES = dict(gan='gan', mse='reference', truth='truth', lq='lq')
"""The folders of images, and the attribute of a sample that each holds."""

MASKS = 'gt'


@dataclass
class TruthBenchmark:
    """A benchmark that was made.

    Attributes:
        kinds (tuple[str, ...]): The kinds of masks.
        images (list[dict]): The manifest's entries, one for each image.
        shape_px (int): Number of pixels of all images together.
    """
    kinds: tuple[str, ...]
    images: list[dict] = field(default_factory=list)
    shape_px: int = 0

    def total(self, kind: str, figure: str) -> int:
        """Return the number of regions, or of pixels, of a kind over all images."""
        return sum(image[kind][figure] for image in self.images)

    def table(self) -> str:
        """Return regions and pixels of each kind as a Markdown table."""
        rows = [[kind, str(self.total(kind, 'regions')), str(self.total(kind, 'px')),
                 f'{self.total(kind, "px") / self.shape_px:.2%}',
                 str(sum(image[kind]['px'] > 0 for image in self.images))]
                for kind in self.kinds]
        return markdown_table(('kind', 'regions', 'px', 'of all px', 'images with it'), rows)


def make_truth_benchmark(source: TruthSource, out_dir: str | Path, rules: TruthRules,
                         distance: BaseDetector | None = None) -> TruthBenchmark:
    """Make a benchmark; see docs/truth_benchmark.md.

    ``out_dir`` gets ``gan/``, ``mse/`` (the reference), ``truth/`` and, if they are known, the LR
    images, ``lq/``; a folder of 0/255 masks for each kind, ``gt/strength/``, ``gt/even_ground/``
    and ``gt/perceptual/``; and ``manifest.json``.

    Args:
        source (TruthSource): The images with their truths.
        out_dir (str | Path): A new or empty folder.
        rules (TruthRules): What counts as an artifact.
        distance (BaseDetector, optional): LPIPS or DISTS, for the perceptual kind; None leaves
            this kind out.

    Returns:
        TruthBenchmark: The benchmark.

    Raises:
        InputError: If no image can be used, or the folder is not empty.
        OSError: If the folder cannot be written.
    """
    out_dir = Path(out_dir)
    kinds = KINDS if distance is not None else tuple(k for k in KINDS if k != PERCEPTUAL)
    refuse_same_files([out_dir / name for name in IMAGES],
                      {path.parent for path in source.files})
    _make_folders(out_dir, kinds)
    benchmark = TruthBenchmark(kinds)
    for sample in source.samples('truths'):
        masks = truth_masks(sample.gan, sample.reference, sample.truth, rules, distance)
        _write(out_dir, sample, masks)
        benchmark.images.append(dict(name=sample.name, **sample.source, **{
            kind: dict(regions=len(label_regions(torch.from_numpy(mask))), px=int(mask.sum()))
            for kind, mask in masks.items()}))
        benchmark.shape_px += masks[kinds[0]].size
    if not benchmark.images:
        raise InputError('no image could be used: '
                         + next(iter(source.skipped.values()), 'there is none'))
    write_json(out_dir / MANIFEST_NAME, dict(
        made_by='benchmark_truth', settings=source.describe(), rules=rules.describe(),
        distance=distance.describe() if distance is not None else None, kinds=list(kinds),
        images=benchmark.images, skipped=source.skipped))
    return benchmark


def _write(out_dir: Path, sample: TruthSample, masks: dict[str, np.ndarray]) -> None:
    for folder, attribute in IMAGES.items():
        image = getattr(sample, attribute)
        if image is not None:
            write_image(make_output_folder(out_dir / folder) / f'{sample.name}.png', image)
    for kind, mask in masks.items():
        write_mask(out_dir / MASKS / kind / f'{sample.name}.png', mask)


def _make_folders(out_dir: Path, kinds: Sequence[str]) -> None:
    for folder in (*(out_dir / name for name in IMAGES),
                   *(out_dir / MASKS / kind for kind in KINDS)):
        if folder.is_dir() and any(folder.iterdir()):
            raise InputError(f'{folder}: expected a new or empty folder, for the images of one '
                             'benchmark; give another, or delete what is there')
    for kind in kinds:
        make_output_folder(out_dir / MASKS / kind)
