"""Label maps that somebody made before and stored as images."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files import ImageError, find_by_stem, list_images, read_labels, size_of
from .base import LabelSource


class LabelFolder(LabelSource):
    """Stored label maps, matched by file stem.

    Args:
        folder (str | Path): 8-bit single-channel images whose values are classes.

    Raises:
        ImageError: If the folder does not exist or holds no image.
    """

    # Reading is cheap, and a file that is missing or does not fit is better known at once.
    is_dear = False

    def __init__(self, folder: str | Path) -> None:
        list_images(folder)
        self.folder = folder

    def label(self, images: Sequence[np.ndarray], paths: Sequence[Path]) -> list[np.ndarray]:
        """Read the label maps of files, uint8; see :meth:`LabelSource.label`."""
        return [read_label_map(self.stored_file(path), image)
                for image, path in zip(images, paths)]

    def stored_file(self, path: Path) -> Path:
        """See :meth:`LabelSource.stored_file`."""
        return find_by_stem(self.folder, path.stem)

    def describe(self) -> dict:
        """Return the kind alone: a folder may move, and manifests tell each file by its hash."""
        return dict(type='LabelFolder')


def read_label_map(path: Path, image: np.ndarray) -> np.ndarray:
    """Read the stored label map of an image, uint8, shape ``(H, W)``.

    Raises:
        ImageError: If it is none, or not of the size of ``image``, shape ``(H, W, 3)``.
    """
    labels = read_labels(path)
    if labels.shape != image.shape[:2]:
        raise ImageError(f"{path}: expected a label map of the image's size "
                         f'{size_of(image)}, got {size_of(labels)}')
    return labels
