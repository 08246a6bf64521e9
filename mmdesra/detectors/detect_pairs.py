"""Detecting on many pairs, with errors that name the file and label maps made in batches."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..files import ImageError
from ..generators import Pair, PairSource
from ..segmentors import LabelSource
from .base import BaseDetector, Detection


@dataclass(frozen=True)
class Outcome:
    """What became of one pair.

    Attributes:
        path (Path): The file that the pair is made from.
        pair (Pair, optional): The SR images; None where there is an error.
        detection (Detection, optional): What was found; None where there is an error.
        labelled (bool): Whether a label map was used.
        error (str): Why the pair cannot be used; it names the file. Empty if it can.
    """
    path: Path
    pair: Pair | None = None
    detection: Detection | None = None
    labelled: bool = False
    error: str = ''


def detect_image(detector: BaseDetector, gan: np.ndarray, mse: np.ndarray, path: Path,
                 labels: LabelSource | None = None) -> Detection:
    """Detect the artifacts of the SR images that belong to a file.

    Args:
        detector (BaseDetector): The detector.
        gan (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``, RGB.
        mse (np.ndarray): MSE-SR image, the same shape.
        path (Path): The file.
        labels (LabelSource, optional): Label maps; None switches the semantic step off.

    Raises:
        ImageError: If the images or the label map do not fit each other.
    """
    def label() -> np.ndarray:
        return labels.label([gan], [path])[0]

    try:
        if labels is None or labels.is_dear:
            return detector.detect(gan, mse, label if labels else None)
        return detector.detect(gan, mse, label())
    except ImageError:
        raise
    except (RuntimeError, ValueError) as error:
        raise ImageError(f'{path}: {error}') from error


def detect_pairs(detector: BaseDetector, source: PairSource,
                 labels: LabelSource | None = None) -> Iterator[Outcome]:
    """Detect on every pair of a source.

    Pairs whose label maps are wanted wait until ``labels.batch_size`` of them are together, so
    outcomes come in another order than the paths; at most that many images are held. The files
    of the next pair are read meanwhile.

    Args:
        detector (BaseDetector): The detector.
        source (PairSource): The pairs.
        labels (LabelSource, optional): Label maps; None switches the semantic step off.

    Yields:
        Outcome: One for each path of the source, those that cannot be used included.
    """
    waiting: list[Outcome] = []
    for path, load in source.load_each():
        try:
            pair = load()
            waits = labels is not None and labels.is_dear
            detection = detect_image(detector, pair.gan, pair.mse, path, None if waits else labels)
        except ImageError as error:
            yield Outcome(path, error=str(error))
            continue
        outcome = Outcome(path, pair, detection, labelled=labels is not None and not waits)
        if not waits or not detector.wants_labels(detection):
            yield outcome
            continue
        waiting.append(outcome)
        if len(waiting) >= labels.batch_size:
            yield from _adjust(detector, waiting, labels)
            waiting = []
    if waiting:
        yield from _adjust(detector, waiting, labels)


def _adjust(detector: BaseDetector, outcomes: Sequence[Outcome],
            labels: LabelSource) -> Iterator[Outcome]:
    try:
        label_maps = labels.label([outcome.pair.gan for outcome in outcomes],
                                  [outcome.path for outcome in outcomes])
    except (ImageError, RuntimeError, ValueError):
        label_maps = [None] * len(outcomes)  # one of them spoils the batch: one by one
    for outcome, label_map in zip(outcomes, label_maps):
        yield _adjust_one(detector, outcome, labels, label_map)


def _adjust_one(detector: BaseDetector, outcome: Outcome, labels: LabelSource,
                label_map: np.ndarray | None) -> Outcome:
    try:
        if label_map is None:
            label_map = labels.label([outcome.pair.gan], [outcome.path])[0]
        return replace(outcome, labelled=True,
                       detection=detector.adjust(outcome.detection, label_map))
    except ImageError as error:
        return Outcome(outcome.path, error=str(error))
    except (RuntimeError, ValueError) as error:
        return Outcome(outcome.path, error=f'{outcome.path}: {error}')
