"""What fine-tuning did to an image, counted for metric, held-out images and folders alike."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from ..ops import (
    DetailChange,
    Fading,
    RegionChanges,
    Regions,
    compare_regions,
    detail_outside,
    region_fates,
)
from .judge import Judge, find_regions, region_excess
from .tensors import to_tensor
from .truth_sums import AFTER, BEFORE, REFERENCE, TruthSums


@dataclass(frozen=True)
class Before:
    """An image before fine-tuning.

    Attributes:
        mask (np.ndarray): Its artifacts, bool, shape ``(H, W)``.
        image (np.ndarray, optional): The GAN-SR image itself, uint8, shape ``(H, W, 3)``.
    """
    mask: np.ndarray
    image: np.ndarray | None = None


@dataclass(frozen=True)
class Known:
    """What is known of an image beside its artifacts.

    Attributes:
        gt_mask (np.ndarray, optional): The human mask, bool, shape ``(H, W)``.
        before (Before, optional): How it was before fine-tuning.
        reference (np.ndarray, optional): The MSE-SR image, uint8, shape ``(H, W, 3)``.
        truth (np.ndarray, optional): The ground truth, as ``reference``.
    """
    gt_mask: np.ndarray | None = None
    before: Before | None = None
    reference: np.ndarray | None = None
    truth: np.ndarray | None = None


@dataclass(frozen=True)
class Texture:
    """The texture of an image, by the regions of the mask from before fine-tuning.

    Attributes:
        detail (float): Local standard deviations outside the regions, summed.
        excess (Sequence[float], optional): Excess over the MSE-SR image in each region; None
            where that image is unknown.
    """
    detail: float
    excess: Sequence[float] | None = None

    @classmethod
    def of(cls, image: np.ndarray, mask: np.ndarray, regions: Regions,
           reference: np.ndarray | None) -> Texture:
        """Measure an image, uint8, shape ``(H, W, 3)``; ``regions`` are those of ``mask``."""
        return cls(detail_outside(to_tensor(image), torch.from_numpy(mask)),
                   None if reference is None else region_excess(image, reference, regions))


@dataclass(frozen=True)
class ImageSums:
    """Sums and counts of one image, or of several; what is unknown is None.

    Attributes:
        changes (RegionChanges, optional): From the mask before to the mask after.
        detail (DetailChange, optional): Detail outside the mask from before.
        fading (Fading, optional): Excess texture inside it, and what became of the regions.
        truth (TruthSums, optional): How far the versions are from the ground truth, inside the
            mask from before (where that is unknown: the image's own) and outside.
    """
    changes: RegionChanges | None = None
    detail: DetailChange | None = None
    fading: Fading | None = None
    truth: TruthSums | None = None

    def __add__(self, other: ImageSums) -> ImageSums:
        pairs = ((getattr(self, one.name), getattr(other, one.name)) for one in fields(self))
        return ImageSums(*(a if b is None else b if a is None else a + b for a, b in pairs))

    @classmethod
    def of(cls, image: np.ndarray | None, mask: np.ndarray, known: Known,
           judge: Judge) -> ImageSums:
        """Measure an image, as far as what is known of it allows.

        Args:
            image (np.ndarray, optional): GAN-SR image, uint8, shape ``(H, W, 3)``; without it
                the masks alone are compared.
            mask (np.ndarray): Its artifacts, bool, shape ``(H, W)``.
            known (Known): What else is known of it.
            judge (Judge): Compares with the truth.

        Raises:
            ValueError: If the sizes differ.
        """
        before, truth = known.before, None if image is None else known.truth
        if before is None and truth is None:
            return cls()
        mask_before = mask if before is None else before.mask
        regions = find_regions(mask_before)
        given = {REFERENCE: known.reference, BEFORE: before.image if before else None,
                 AFTER: image}
        versions = {name: version for name, version in given.items() if version is not None}
        sums = cls()
        if before is not None:
            texture = None if not {BEFORE, AFTER} <= versions.keys() else [
                Texture.of(versions[name], mask_before, regions, known.reference)
                for name in (BEFORE, AFTER)]
            sums, _ = compare(mask_before, mask, regions, texture)
        return sums if truth is None else replace(sums, truth=TruthSums.of({
            name: judge.distances(version, truth, regions)
            for name, version in versions.items()}))


def compare(mask_before: np.ndarray, mask: np.ndarray, regions: Regions,
            texture: Sequence[Texture] | None) -> tuple[ImageSums, list[str]]:
    """Compare the artifacts of an image before and after fine-tuning, and its texture.

    Args:
        mask_before (np.ndarray): Its artifacts before, bool, shape ``(H, W)``.
        mask (np.ndarray): Those after.
        regions (Regions): Of ``mask_before``.
        texture (Sequence[Texture], optional): Before and after.

    Returns:
        tuple: The sums, and what became of each region; empty where the texture is unknown.
    """
    found = torch.from_numpy(mask)
    changes = compare_regions(torch.from_numpy(mask_before), found)
    if texture is None:
        return ImageSums(changes), []
    before, after = texture
    detail = DetailChange(before.detail, after.detail)
    if before.excess is None or after.excess is None:
        return ImageSums(changes, detail), []
    fates = region_fates(regions, found, before.excess, after.excess)
    return ImageSums(changes, detail, Fading.of(fates, before.excess, after.excess)), fates
