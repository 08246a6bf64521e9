"""Detecting on many pairs, with errors that name the file and label maps made in batches."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..files import ImageError, in_background
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

    @property
    def found(self) -> tuple[Pair, Detection]:
        """tuple[Pair, Detection]: The SR images and what was found in them.

        Raises:
            ValueError: Where there is an error instead.
        """
        if self.pair is None or self.detection is None:
            raise ValueError(self.error)
        return self.pair, self.detection


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
    try:
        if labels is None:
            return detector.detect(gan, mse)
        label = partial(_label_one, labels, gan, path)
        return detector.detect(gan, mse, label if labels.is_dear else label())
    except ImageError:
        raise
    except (RuntimeError, ValueError) as error:
        raise ImageError(f'{path}: {error}') from error


def label_image(detector: BaseDetector, detection: Detection, gan: np.ndarray, path: Path,
                labels: LabelSource) -> Detection:
    """Label an image where that can change its mask: what :func:`detect_image` does in one go.

    Args:
        detector (BaseDetector): The detector.
        detection (Detection): What it found without labels.
        gan (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``, RGB.
        path (Path): The file that it belongs to.
        labels (LabelSource): Label maps.

    Raises:
        ImageError: If the image and the label map do not fit each other.
    """
    if not detector.wants_labels(detection):
        return detection
    try:
        return detector.adjust(detection, labels.label([gan], [path])[0])
    except ImageError:
        raise
    except (RuntimeError, ValueError) as error:
        raise ImageError(f'{path}: {error}') from error


def detect_pairs(detector: BaseDetector, source: PairSource,
                 labels: LabelSource | None = None) -> Iterator[Outcome]:
    """Detect on every pair of a source.

    Three things run at once: the files of the next pair are read, a pair is made, and the
    detector works on the one before. So the detector is called in another thread, one pair at a
    time. Pairs that need a label map are collected until there are ``labels.batch_size`` of them,
    which also bounds the memory; outcomes therefore come in another order than the paths.

    Args:
        detector (BaseDetector): The detector.
        source (PairSource): The pairs.
        labels (LabelSource, optional): Label maps; None switches the semantic step off.

    Yields:
        Outcome: One for each path of the source, those that cannot be used included.
    """
    dear = labels if labels is not None and labels.is_dear else None
    cheap = labels if dear is None else None

    def detect(loaded: Outcome) -> Outcome:
        path, pair = loaded.path, loaded.pair
        if pair is None:
            return loaded
        try:
            detection = detect_image(detector, pair.gan, pair.mse, path, cheap)
        except ImageError as error:
            return Outcome(path, error=str(error))
        return replace(loaded, detection=detection, labelled=cheap is not None)

    waiting: list[Outcome] = []
    with closing(in_background(detect, _load_each(source))) as detected:
        for one in detected:
            outcome = one.result()
            if dear is None or outcome.detection is None or not detector.wants_labels(
                    outcome.detection):
                yield outcome
                continue
            waiting.append(outcome)
            if len(waiting) >= dear.batch_size:
                yield from _adjust(detector, waiting, dear)
                waiting = []
    if dear is not None and waiting:
        yield from _adjust(detector, waiting, dear)


def _load_each(source: PairSource) -> Iterator[Outcome]:
    for path, load in source.load_each():
        try:
            loaded = Outcome(path, load())
        except ImageError as error:
            loaded = Outcome(path, error=str(error))
        yield loaded


def _adjust(detector: BaseDetector, outcomes: Sequence[Outcome],
            labels: LabelSource) -> Iterator[Outcome]:
    label_maps: Sequence[np.ndarray | None]
    try:
        label_maps = labels.label([outcome.found[0].gan for outcome in outcomes],
                                  [outcome.path for outcome in outcomes])
    except (ImageError, RuntimeError, ValueError):
        label_maps = [None] * len(outcomes)  # one of them spoils the batch: one by one
    for outcome, label_map in zip(outcomes, label_maps):
        yield _adjust_one(detector, outcome, labels, label_map)


def _adjust_one(detector: BaseDetector, outcome: Outcome, labels: LabelSource,
                label_map: np.ndarray | None) -> Outcome:
    pair, detection = outcome.found
    try:
        if label_map is None:
            label_map = _label_one(labels, pair.gan, outcome.path)
        return replace(outcome, labelled=True, detection=detector.adjust(detection, label_map))
    except ImageError as error:
        return Outcome(outcome.path, error=str(error))
    except (RuntimeError, ValueError) as error:
        return Outcome(outcome.path, error=f'{outcome.path}: {error}')


def _label_one(labels: LabelSource, gan: np.ndarray, path: Path) -> np.ndarray:
    return labels.label([gan], [path])[0]
