"""Detecting on the images of one file, with errors that name it."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from ..files import ImageError
from ..segmentors import LabelFolder
from .base import BaseDetector, Detection


def detect_image(detector: BaseDetector, gan: np.ndarray, mse: np.ndarray, path: Path,
                 labels: LabelFolder | None = None) -> Detection:
    """Detect the artifacts of the SR images that belong to a file.

    Args:
        detector (BaseDetector): The detector.
        gan (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``, RGB.
        mse (np.ndarray): MSE-SR image, the same shape.
        path (Path): The file; its stem names the label map.
        labels (LabelFolder, optional): Label maps; None switches the semantic step off.

    Raises:
        ImageError: If the images or the label map do not fit each other.
    """
    label_map = labels.load(path.stem) if labels else None
    try:
        return detector.detect(gan, mse, label_map)
    except ValueError as error:
        raise ImageError(f'{path}: {error}') from error
