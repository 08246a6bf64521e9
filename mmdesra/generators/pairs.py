"""Where (GAN-SR, MSE-SR) pairs come from: two folders, or LR images and two generators."""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files import ImageError, find_by_stem, list_images, read_image
from .upscaler import Upscaler


@dataclass(frozen=True)
class Pair:
    """The two SR images of one LR image, uint8 RGB, shape ``(H, W, 3)``, and it, where known."""
    gan: np.ndarray
    mse: np.ndarray
    lq: np.ndarray | None = None


class PairSource(ABC):
    """A set of pairs, listed at once and made or read one by one.

    Attributes:
        paths (list[Path]): The file that each pair is made from, sorted by name; results are
            named by its stem.
    """
    paths: list[Path]

    @abstractmethod
    def load(self, path: Path) -> Pair:
        """Return one pair.

        Raises:
            ImageError: If a file of this pair cannot be used.
        """


class StoredPairs(PairSource):
    """Pairs of SR images on disk, matched by file stem.

    Args:
        gan_dir (str | Path): Folder of GAN-SR images; each needs a partner.
        mse_dir (str | Path): Folder of MSE-SR images.

    Raises:
        ImageError: If a folder does not exist or holds no image.
    """

    def __init__(self, gan_dir: str | Path, mse_dir: str | Path) -> None:
        self.paths = list_images(gan_dir)
        list_images(mse_dir)
        self.mse_dir = mse_dir

    def load(self, path: Path) -> Pair:
        """See :meth:`PairSource.load`."""
        gan = read_image(path)
        try:
            partner = find_by_stem(self.mse_dir, path.stem)
        except ImageError as error:
            raise ImageError(f'{path}: has no MSE-SR partner: {error}') from error
        return Pair(gan, read_image(partner))


class GeneratedPairs(PairSource):
    """Pairs that two generators make from LR images.

    Args:
        lq_dir (str | Path): Folder of LR images.
        gan (Upscaler): The GAN-trained generator.
        mse (Upscaler): Its MSE-trained sibling.

    Raises:
        ImageError: If the folder does not exist or holds no image.
    """

    def __init__(self, lq_dir: str | Path, gan: Upscaler, mse: Upscaler) -> None:
        self.paths = list_images(lq_dir)
        self.gan = gan
        self.mse = mse

    def load(self, path: Path) -> Pair:
        """See :meth:`PairSource.load`."""
        lq = read_image(path)
        return Pair(upscale(self.gan, lq, path), upscale(self.mse, lq, path), lq)


def upscale(upscaler: Upscaler, lq: np.ndarray, path: Path) -> np.ndarray:
    """Run a generator on the image of a file; its errors name the file."""
    try:
        return upscaler(lq)
    except (RuntimeError, ValueError) as error:
        raise ImageError(f'{path}: the generator failed on this image ({error})') from error
