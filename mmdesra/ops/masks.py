"""From a thresholded map to the artifact mask: erosion, dilation, holes, small regions."""
from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from .regions import label_regions

CLEANING_KERNEL = np.ones((5, 5), np.uint8)
NUM_DILATIONS = 3


def clean_mask(mask: Tensor, min_area: float) -> Tensor:
    """Turn raw artifact pixels into artifact regions, as the released scripts intend it.

    Erode 5×5 once (detection noise goes), dilate 5×5 three times, fill holes, keep 8-connected
    regions whose area is above ``min_area``. Each step is monotone: a smaller input gives a
    subset of the output.

    Args:
        mask (Tensor): bool, shape ``(H, W)``, on any device (the work is done on the CPU).
        min_area (float): In pixels; a region of exactly this area is dropped.

    Returns:
        Tensor: bool, shape ``(H, W)``, on the device of ``mask``.
    """
    pixels = mask.cpu().numpy().astype(np.uint8)
    pixels = cv2.erode(pixels, CLEANING_KERNEL)
    pixels = cv2.dilate(pixels, CLEANING_KERNEL, iterations=NUM_DILATIONS)
    cleaned = torch.from_numpy(pixels.astype(bool))
    return keep_large_regions(fill_holes(cleaned), min_area).to(mask.device)


def fill_holes(mask: Tensor) -> Tensor:
    """Fill background that no 8-connected path of background leads out of the image.

    Args:
        mask (Tensor): bool, shape ``(H, W)``.

    Returns:
        Tensor: bool, the same shape. Equal to ``scipy.ndimage.binary_fill_holes`` with a
        3×3 structure.
    """
    background = (~mask.cpu().numpy()).astype(np.uint8)
    count, labels = cv2.connectedComponents(background, connectivity=8)
    outside = np.zeros(count, bool)
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        outside[border] = True
    outside[0] = False  # label 0 is the mask itself
    return torch.from_numpy(~outside[labels]).to(mask.device)


def keep_large_regions(mask: Tensor, min_area: float) -> Tensor:
    """Keep the 8-connected regions whose area is above ``min_area`` pixels.

    Args:
        mask (Tensor): bool, shape ``(H, W)``.
        min_area (float): In pixels.

    Returns:
        Tensor: bool, the same shape.
    """
    regions = label_regions(mask)
    kept = torch.cat([torch.zeros(1, dtype=torch.bool), regions.areas > min_area])
    return kept[regions.labels.long()].to(mask.device)
