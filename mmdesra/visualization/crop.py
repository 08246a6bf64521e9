"""Where to look: a window on the biggest artifact region."""
from __future__ import annotations

import cv2
import numpy as np

from .checks import check_mask


def crop_around(mask: np.ndarray, size: int | tuple[int, int]) -> tuple[slice, slice]:
    """Find the window that shows the biggest artifact region of a mask.

    The window is centred on the region, or, if the region is larger than the window, on its
    innermost point, which always lies on the artifact (the middle of a ring would not). With an
    empty mask it is the middle of the image. It is moved, never shrunk, to stay in the image; only
    an image smaller than ``size`` gets a smaller window.

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
    """Cut from an LR image what a crop of its SR image shows, in the SR image's pixels.

    Args:
        image: LR image, (h, w, ...).
        crop: (rows, columns) in the SR image.
        size: (H, W) of the SR image.

    Returns:
        (rows, columns, ...): each pixel the LR pixel that covers it (nearest neighbour). Equals
        the crop of the whole image scaled up, which for a large one would fill the memory.
    """
    rows, columns = (np.arange(part.start, part.stop) * small // full
                     for part, small, full in zip(crop, image.shape, size))
    return image[np.ix_(rows, columns)]


def _center(mask: np.ndarray, window: tuple[int, ...]) -> tuple[float, float]:
    """Row and column of the point to look at, in px from the top left corner."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count == 1:
        return mask.shape[0] / 2, mask.shape[1] / 2
    biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, width, height = stats[biggest, :4].tolist()
    if height <= window[0] and width <= window[1]:
        return top + height / 2, left + width / 2
    # Padded, as the image's border bounds the region like any other edge.
    region = np.pad(labels == biggest, 1).astype(np.uint8)
    depth = cv2.distanceTransform(region, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return float(row) + 0.5, float(column) + 0.5
