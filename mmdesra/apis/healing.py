"""Replacing the artifacts of an SR image by pixels of a reference, without any training."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from ..detectors import BaseDetector, Detection, detect_image
from ..errors import InputError
from ..files import ImageError, size_of
from ..files.full_images import FullImage
from ..generators import Reference, Sibling, as_reference
from ..generators.pairs import make_reference
from ..generators.reference import AnyReference
from ..ops.feather import blend_by, feathered
from ..segmentors import LabelSource

DEFAULT_FEATHER = 2.


class Healer:
    """Replaces the artifacts that a detector finds by the pixels of a reference image.

    Args:
        detector (BaseDetector): Compares the SR image with the reference image.
        reference (Upscaler | Reference): Makes the reference image: the model's MSE-trained
            sibling, or a substitute such as the self-ensemble.
        labels (LabelSource, optional): Label maps; None switches the semantic step off.
        feather (float): Standard deviation of the soft border around each region, in SR pixels.

    Raises:
        InputError: If ``feather`` is negative.
    """

    def __init__(self, detector: BaseDetector, reference: AnyReference,
                 labels: LabelSource | None = None, feather: float = DEFAULT_FEATHER) -> None:
        if not 0 <= feather < np.inf:
            raise InputError(f'expected a feather of at least 0 px, got {feather}')
        self.detector = detector
        self.reference: Reference = as_reference(reference)
        self.labels = labels
        self.feather = feather

    def heal(self, lq: np.ndarray, sr: np.ndarray, path: Path) -> tuple[np.ndarray, Detection]:
        """Heal one SR image.

        Args:
            lq (np.ndarray): LR image, uint8 or uint16, shape ``(H, W, 3)``, RGB.
            sr (np.ndarray): SR image of the same type, shape ``(s·H, s·W, 3)``.
            path (Path): The file, for errors.

        Returns:
            tuple: The healed image, and the artifacts that were found.

        Raises:
            ImageError: If the reference or the detector fails on the image.
        """
        reference = self._reference_of(lq, sr, path)
        if reference.shape != sr.shape:
            raise ImageError(f'{path}: expected a reference image of {size_of(sr)} px, the size '
                             f'of the SR image, got {size_of(reference)}')
        found = detect_image(self.detector, _shallow(sr), _shallow(reference), path, self.labels)
        weight = feathered(found.mask, self.feather)
        return blend_by(weight, reference, sr), found

    def describe(self) -> dict:
        """Return the settings: two healers with equal settings make equal images."""
        return dict(detector=self.detector.describe(), reference=self.reference.describe(),
                    feather=self.feather, labels=self.labels.describe() if self.labels else None)

    def _reference_of(self, lq: np.ndarray, sr: np.ndarray, path: Path) -> np.ndarray:
        # A sibling keeps 16 bits; the self-ensemble works in 8.
        if lq.dtype == np.uint8 or isinstance(self.reference, Sibling):
            return make_reference(self.reference, lq, sr, path)
        image = make_reference(self.reference, _shallow(lq), _shallow(sr), path)
        return image.astype(np.uint16) * np.uint16(257)


def _shallow(image: np.ndarray) -> np.ndarray:
    return FullImage(image).shallow().pixels
