"""Label maps that somebody made before and stored as images."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from ..files import find_by_stem, list_images, read_labels


class LabelFolder:
    """Stored label maps, matched by file stem.

    Args:
        folder (str | Path): 8-bit single-channel images whose values are classes.

    Raises:
        ImageError: If the folder does not exist or holds no image.
    """

    def __init__(self, folder: str | Path) -> None:
        list_images(folder)
        self.folder = folder

    def path(self, stem: str) -> Path:
        """Return the file of one label map.

        Raises:
            ImageError: If there is none of this stem.
        """
        return find_by_stem(self.folder, stem)

    def load(self, stem: str) -> np.ndarray:
        """Return one label map, uint8, shape ``(H, W)``.

        Raises:
            ImageError: If there is none of this stem, or it is no label map.
        """
        return read_labels(self.path(stem))
