"""Artifact regions: 8-connected components, and what became of them after fine-tuning."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Regions:
    """The 8-connected regions of a mask.

    Attributes:
        labels (Tensor): int32 on the CPU, shape ``(H, W)``: 0 outside, 1 to N inside.
        areas (Tensor): int64, shape ``(N,)``: pixels of regions 1 to N.
        boxes (Tensor): int64, shape ``(N, 4)``: x, y, width and height of the regions, in px.
    """
    labels: Tensor
    areas: Tensor
    boxes: Tensor

    def __len__(self) -> int:
        return len(self.areas)


@dataclass(frozen=True)
class RegionChanges:
    """How many regions there were, are, went and came."""
    before: int = 0
    after: int = 0
    removed: int = 0
    added: int = 0

    def __add__(self, other: RegionChanges) -> RegionChanges:
        return RegionChanges(self.before + other.before, self.after + other.after,
                             self.removed + other.removed, self.added + other.added)

    @property
    def removal_rate(self) -> float:
        """Removed / before, in [0, 1]; nan where there was nothing to remove."""
        return self.removed / self.before if self.before else float('nan')

    @property
    def addition_rate(self) -> float:
        """Added / before, at least 0; nan where there was no region before."""
        return self.added / self.before if self.before else float('nan')


def label_regions(mask: Tensor) -> Regions:
    """Find the 8-connected regions of a bool mask of shape ``(H, W)``."""
    pixels = mask.cpu().numpy().astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=8)
    stats = torch.from_numpy(stats[1:].astype(np.int64))  # row 0 is the background
    return Regions(torch.from_numpy(labels), areas=stats[:, cv2.CC_STAT_AREA],
                   boxes=stats[:, :cv2.CC_STAT_AREA])


def compare_regions(before: Tensor, after: Tensor) -> RegionChanges:
    """Count the regions removed and added between two masks of one image.

    A region is *removed* when no artifact pixel is detected in it afterwards ("completely
    removed" in the paper) and *added* when it shares no pixel with a region from before.

    Args:
        before (Tensor): bool, shape ``(H, W)``.
        after (Tensor): bool, the same shape.

    Raises:
        ValueError: If the shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f'expected two masks of one shape, got {tuple(before.shape)} '
                         f'and {tuple(after.shape)}')
    regions_before, regions_after = label_regions(before), label_regions(after)
    return RegionChanges(
        before=len(regions_before), after=len(regions_after),
        removed=_count_untouched(regions_before, after),
        added=_count_untouched(regions_after, before))


def touched_regions(regions: Regions, mask: Tensor) -> Tensor:
    """Say of each region whether it shares a pixel with a mask.

    Args:
        regions (Regions): N regions of an image.
        mask (Tensor): bool, shape ``(H, W)``, of the same image.

    Returns:
        Tensor: bool, shape ``(N,)``.
    """
    touched = torch.zeros(len(regions) + 1, dtype=torch.bool)
    touched[regions.labels[mask.cpu()].long()] = True
    return touched[1:]


def _count_untouched(regions: Regions, mask: Tensor) -> int:
    return int((~touched_regions(regions, mask)).sum())
