"""Where label maps come from."""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np


class LabelSource(ABC):
    """Gives the label maps of GAN-SR images for the semantic step.

    Attributes:
        batch_size (int): How many images are best labelled together.
        is_dear (bool): Whether labelling takes long, so that it is done only where it can
            change a mask.
    """
    batch_size: int = 1
    is_dear: bool = True
    weights_files: Mapping[str, str | Path | None] = {}
    """The files of weights that it was made with, by what each is for."""

    @abstractmethod
    def label(self, images: Sequence[np.ndarray], paths: Sequence[Path]) -> list[np.ndarray]:
        """Label images.

        Args:
            images (Sequence[np.ndarray]): GAN-SR images, uint8, shape ``(H, W, 3)``, RGB, of any
                sizes.
            paths (Sequence[Path]): The files that they belong to.

        Returns:
            list[np.ndarray]: Integers, shape ``(H, W)``: indices of the detector's class table;
            255 = no class.

        Raises:
            ImageError: If one of them cannot be labelled.
        """

    @abstractmethod
    def describe(self) -> dict:
        """Return what decides the label maps, for manifests: equal dicts, equal label maps."""

    def stored_file(self, path: Path) -> Path | None:
        """Return the file that holds the label map of ``path``; None: it follows from the image.

        Raises:
            ImageError: If label maps are stored, but there is none for ``path``.
        """
        return None
