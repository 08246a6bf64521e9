"""Which of a benchmark's placed artifacts a detector found, by kind, strength and content."""
from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..errors import InputError
from ..files import ImageError, ImageFolder, read_mask, size_of
from ..ops import label_regions
from ..ops.scores import COVERAGE
from .benchmark_manifest import BenchmarkImage, BenchmarkManifest, PlacedArtifact

logger = logging.getLogger('mmdesra')

GROUPS = ('kind', 'strength', 'content')
"""The properties of an artifact by which the recall can be broken down."""


@dataclass(frozen=True)
class FoundArtifact:
    """A placed artifact and how much of it was detected.

    Attributes:
        artifact (PlacedArtifact): What was placed.
        covered (float): Share of its area that was detected, in [0, 1].
    """
    artifact: PlacedArtifact
    covered: float


@dataclass(frozen=True)
class GroupRecall:
    """The recall of the artifacts of one group.

    Attributes:
        found (int): Artifacts of which at least half was detected.
        placed (int): All of them.
    """
    found: int
    placed: int

    @property
    def recall(self) -> float:
        """Found / placed, in [0, 1]."""
        return self.found / self.placed


def match_artifacts(benchmark_dir: str | Path, pred_dir: str | Path
                    ) -> tuple[list[FoundArtifact], dict[str, str]]:
    """Look each placed artifact up in detected masks.

    Args:
        benchmark_dir (str | Path): From :func:`make_artifact_benchmark`.
        pred_dir (str | Path): Detected masks (0/255), named as the benchmark's images.

    Returns:
        tuple: The artifacts of all images that have a mask; and, for each image that cannot be
        used, why.

    Raises:
        InputError: If there is no benchmark, or no image of it can be used.
    """
    manifest = BenchmarkManifest.read(benchmark_dir)
    truths, preds = ImageFolder(Path(benchmark_dir) / 'gt'), ImageFolder(pred_dir)
    found: list[FoundArtifact] = []
    skipped: dict[str, str] = {}
    for image in tqdm(manifest.images, 'match', unit='image'):
        try:
            found += _match_image(image, truths, preds)
        except ImageError as error:
            logger.warning('skipped: %s', error)
            skipped[image.name] = str(error)
    if len(skipped) == len(manifest.images):
        raise InputError(f'{pred_dir}: no mask fits the benchmark {benchmark_dir}: '
                         + next(iter(skipped.values()), 'it holds no images'))
    return found, skipped


def break_down(found: Iterable[FoundArtifact], by: Sequence[str]
               ) -> dict[tuple[str | float, ...], GroupRecall]:
    """Group artifacts by some of their properties.

    An artifact is found where at least half of its area is detected: the recall of the paper's
    scripts, :func:`mmdesra.ops.scores.score_mask`.

    Args:
        found (Iterable[FoundArtifact]): From :func:`match_artifacts`.
        by (Sequence[str]): Some of :data:`GROUPS`; () = all in one group.

    Returns:
        dict: The recall for each combination of values that occurs, in sorted order.
    """
    shares: dict[tuple, list[float]] = {}
    for one in found:
        group = tuple(getattr(one.artifact, name) for name in by)
        shares.setdefault(group, []).append(one.covered)
    return {group: GroupRecall(sum(share >= COVERAGE for share in shares[group]),
                               len(shares[group])) for group in sorted(shares)}


def _match_image(image: BenchmarkImage, truths: ImageFolder, preds: ImageFolder
                 ) -> list[FoundArtifact]:
    truth_path, pred_path = truths.find(image.name), preds.find(image.name)
    truth, pred = read_mask(truth_path), read_mask(pred_path)
    if truth.shape != pred.shape:
        raise ImageError(f'{pred_path}: expected a mask of {size_of(truth)}, got {size_of(pred)}')
    regions = label_regions(torch.from_numpy(truth)).labels.numpy()
    found = []
    for artifact in image.artifacts:
        region = regions == _number_of(artifact, regions, truth_path)
        found.append(FoundArtifact(artifact, float(pred[region].mean())))
    return found


def _number_of(artifact: PlacedArtifact, regions: np.ndarray, path: Path) -> int:
    inside = (0 <= artifact.row < regions.shape[0]
              and 0 <= artifact.column < regions.shape[1])
    number = int(regions[artifact.row, artifact.column]) if inside else 0
    if not number or int((regions == number).sum()) != artifact.area:
        raise ImageError(f'{path}: expected a region of {artifact.area} px around row '
                         f'{artifact.row}, column {artifact.column}, as the manifest says; make '
                         'the benchmark again')
    return number
