"""The ground truths of LR images, and PSNR and SSIM of SR images to them."""
from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..files import ImageError, ImageFolder, image_name, read_image, size_of
from ..ops import MARGIN, by_strips
from ..ops.psnr import psnr
from ..ops.ssim import structural_similarity
from .tensors import to_tensor
from .truth_sums import MAX_PSNR

logger = logging.getLogger('mmdesra')


@dataclass(frozen=True)
class Fidelity:
    """PSNR and SSIM to the ground truth as MMagic computes them by default: RGB, uncropped.

    Attributes:
        psnr (float): In dB, at most :data:`MAX_PSNR`.
        ssim (float): In [-1, 1].
    """
    psnr: float
    ssim: float

    @classmethod
    def of(cls, image: np.ndarray, gt: np.ndarray) -> Fidelity:
        """Compare two images, uint8, shape ``(H, W, 3)``.

        Raises:
            ValueError: If they differ in size, or a side is shorter than 11 px.
        """
        similarity = by_strips(_similarity, image, gt, MARGIN)
        return cls(min(psnr(torch.from_numpy(image), torch.from_numpy(gt)), MAX_PSNR),
                   float(similarity.mean()))


class GroundTruths:
    """The ground truths of a folder of LR images, matched by file stem.

    Args:
        folder (str | Path): Folder of images of the SR images' size.
        lq_paths (list[Path]): The LR images.

    Raises:
        ImageError: If the folder does not exist, or holds the ground truth of none of them.
    """

    def __init__(self, folder: str | Path, lq_paths: list[Path]) -> None:
        self._images = ImageFolder.checked(folder)
        if not any(self._images.has(image_name(path)) for path in lq_paths):
            raise ImageError(f'{folder}: expected ground truths of the images in '
                             f'{lq_paths[0].parent}, matched by file stem, e.g. '
                             f'{image_name(lq_paths[0])}.png; found none')

    def read(self, sr: np.ndarray, lq_path: Path) -> np.ndarray | None:
        """Read the ground truth of an SR image.

        Args:
            sr (np.ndarray): uint8, shape ``(H, W, 3)``, RGB.
            lq_path (Path): The LR image that it was made from.

        Returns:
            np.ndarray | None: uint8, the shape of ``sr``; None where there is none that fits, and
            this is logged.
        """
        try:
            path = self._images.find(image_name(lq_path))
            gt = read_image(path)
            if gt.shape != sr.shape:
                raise ImageError(f'{path}: expected the size of the SR image of {lq_path}, '
                                 f'{size_of(sr)}, got {size_of(gt)}')
        except ImageError as error:
            logger.warning('not compared with its ground truth: %s', error)
            return None
        return gt


def _similarity(image: np.ndarray, gt: np.ndarray) -> np.ndarray:
    return structural_similarity(to_tensor(image), to_tensor(gt)).mean(dim=0).numpy()
