"""Where the known masks of a set of images come from."""
from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from ..files import ImageError, collect_images, read_mask, size_of


class MaskSource(ABC):
    """The known masks of a set, which they decide.

    Attributes:
        paths (list[Path]): One for each image of the set; their stems are those of the pairs.
        folder (Path): Where the masks lie; nothing may be written there.
    """
    paths: list[Path]
    folder: Path

    @abstractmethod
    def read(self, path: Path, image: np.ndarray) -> np.ndarray:
        """Read a mask, bool, shape ``(H, W)``.

        Args:
            path (Path): One of :attr:`paths`.
            image (np.ndarray): The GAN-SR image, shape ``(H, W, 3)``.

        Raises:
            ImageError: If it cannot be used, or does not fit the image.
        """


class MaskFolder(MaskSource):
    """Masks of a folder, 0/255, of the images' size.

    Args:
        folder (str | Path): The folder.
        recursive (bool): Whether to read its sub-folders, too.

    Raises:
        ImageError: If it does not exist or holds no image.
    """

    def __init__(self, folder: str | Path, recursive: bool = False) -> None:
        self.folder = Path(folder)
        self.paths = collect_images(folder, recursive)

    def read(self, path: Path, image: np.ndarray) -> np.ndarray:
        """See :meth:`MaskSource.read`."""
        mask = read_mask(path)
        if mask.shape != image.shape[:2]:
            raise ImageError(f"{path}: expected a mask of the GAN-SR image's size "
                             f'{size_of(image)}, got {size_of(mask)}')
        return mask
