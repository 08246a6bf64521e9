"""Crops around the largest artifact region of an image."""
from __future__ import annotations

import cv2
import numpy as np

from .checks import check_mask


def crop_around(mask: np.ndarray, size: int | tuple[int, int]) -> tuple[slice, slice]:
    """Find the window that shows the largest artifact region of a mask.

    The window is centred on the region. If the region is larger than the window, it is centred on
    the region's innermost point, which lies on the artifact (the centre of a ring does not). For
    an empty mask the window is in the middle of the image. It is moved to stay in the image, and
    is smaller than ``size`` only if the image is.

    Args:
        mask: bool (H, W).
        size: height and width of the window in px, or one number for both.

    Returns:
        (rows, columns) as slices, so that ``image[crop_around(mask, 96)]`` is the crop.

    Raises:
        ValueError: If the mask is not bool (H, W), or the size not positive.
    """
    check_mask(mask)
    window = (size, size) if isinstance(size, (int, np.integer)) else tuple(size)
    if len(window) != 2 or min(window) < 1:
        raise ValueError(f'expected a positive size, or (height, width), got {size!r}')
    slices = []
    for center, wanted, full in zip(_center(mask, window), window, mask.shape):
        extent = min(wanted, full)
        start = min(max(round(center - extent / 2), 0), full - extent)
        slices.append(slice(start, start + extent))
    return slices[0], slices[1]


def crop_scaled(image: np.ndarray, crop: tuple[slice, slice],
                size: tuple[int, ...]) -> np.ndarray:
    """Cut the part of an LR image that a crop of its SR image shows, at the SR image's size.

    Args:
        image: LR image, (h, w, ...).
        crop: (rows, columns) in the SR image.
        size: (H, W) of the SR image.

    Returns:
        (rows, columns, ...): each pixel is the LR pixel that covers it (nearest neighbour). Equals
        a crop of the whole image enlarged, which could be too large for memory.
    """
    rows, columns = (np.arange(part.start, part.stop) * small // full
                     for part, small, full in zip(crop, image.shape, size))
    return image[np.ix_(rows, columns)]


def _center(mask: np.ndarray, window: tuple[int, ...]) -> tuple[float, float]:
    """Row and column of the window's centre, in px from the top left corner."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count == 1:
        return mask.shape[0] / 2, mask.shape[1] / 2
    biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, width, height = stats[biggest, :4].tolist()
    if height <= window[0] and width <= window[1]:
        return top + height / 2, left + width / 2
    # Padded, so that the image's border counts as an edge of the region.
    region = np.pad(labels == biggest, 1).astype(np.uint8)
    depth = cv2.distanceTransform(region, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return float(row) + 0.5, float(column) + 0.5
