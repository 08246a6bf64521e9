"""From a thresholded map to the artifact mask: erosion, dilation, holes, small regions."""
from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import torch
from torch import Tensor

from .components import STRIP_PIXELS, Components, flip_components
from .groups import DroppedGroup, find_groups

KERNEL_SIZE = 5
CLEANING_KERNEL = np.ones((KERNEL_SIZE, KERNEL_SIZE), np.uint8)
NUM_DILATIONS = 3

SPREAD = NUM_DILATIONS * (KERNEL_SIZE // 2)
"""How far, in px, the dilations carry a pixel."""

REACH = SPREAD + KERNEL_SIZE // 2
"""How far away, in px, a raw pixel can change an eroded and dilated one."""


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
    pixels = mask.cpu().numpy()
    cleaned = np.empty(pixels.shape, bool)
    clean_strips([pixels], min_area, cleaned)
    return torch.from_numpy(cleaned).to(mask.device)


def clean_strips(strips: Iterable[np.ndarray], min_area: float, cleaned: np.ndarray) -> int:
    """Clean a mask that comes strip by strip, as :func:`clean_mask` does.

    Beside ``cleaned``, memory is needed for about two strips, and some 50 MiB.

    Args:
        strips (Iterable[np.ndarray]): bool, shape ``(h, W)`` each: raw artifact pixels, from the
            top down.
        min_area (float): In pixels.
        cleaned (np.ndarray): bool, shape ``(H, W)``: filled with the mask. May be a view; H is
            the sum of the strips' heights.

    Returns:
        int: Area of the largest region that was dropped, in px; 0 if none was.
    """
    open_strips(strips, cleaned)
    return keep_artifacts(cleaned, min_area)


def open_strips(strips: Iterable[np.ndarray], opened: np.ndarray) -> None:
    """Erode and dilate a mask that comes strip by strip; see :func:`clean_strips`."""
    height, width = opened.shape
    raw, top, done = np.empty((0, width), np.uint8), 0, 0
    for strip in strips:
        raw = np.concatenate([raw, strip.view(np.uint8)])
        bottom = top + len(raw)
        # Rows near the seam wait for the next strip.
        ready = height if bottom == height else max(bottom - REACH, done)
        opened[done:ready] = _open(raw)[done - top:ready - top]
        done = ready
        kept = max(done - REACH, top)
        raw, top = raw[kept - top:], kept


def keep_artifacts(mask: np.ndarray, min_area: float) -> int:
    """Fill holes and drop small regions, in place: the last steps of :func:`clean_strips`.

    Args:
        mask (np.ndarray): bool, shape ``(H, W)``; changed.
        min_area (float): Regions up to this area are dropped, in px.

    Returns:
        int: Area of the largest region that was dropped, its holes filled, in px; 0 if none was.
    """
    groups = sorted(find_groups(mask), key=lambda group: group.pixels)
    if any(group.pixels > STRIP_PIXELS for group in groups):
        _fill(mask)
        return _drop_small(mask, min_area)
    dropped = []
    for group in groups:  # one that lies in another's hole comes before it is filled
        own = group.of(mask)
        mask[group.box] ^= own
        if group.pixels <= min_area:
            dropped.append(DroppedGroup.of(group, own))
            continue
        _fill(own)
        filled = own.copy()
        largest = _drop_small(own, min_area)
        if largest:
            dropped.append(DroppedGroup.of(group, filled ^ own, largest))
        mask[group.box] |= own
    return _largest_of(dropped, mask)


def _largest_of(dropped: list[DroppedGroup], mask: np.ndarray) -> int:
    """Return the area of the largest dropped region that is in no hole of one that is kept."""
    largest = 0
    for group in sorted(dropped, key=lambda group: -group.most):
        if group.most <= largest:
            break
        if not mask[group.pixel]:
            largest = max(largest, group.largest or _largest_in(group.unpack()))
    return largest


def _largest_in(mask: np.ndarray) -> int:
    _fill(mask)
    return _drop_small(mask, mask.size)


def fill_holes(mask: Tensor) -> Tensor:
    """Fill background that no 8-connected path of background leads out of the image.

    Args:
        mask (Tensor): bool, shape ``(H, W)``.

    Returns:
        Tensor: bool, the same shape. Equal to ``scipy.ndimage.binary_fill_holes`` with a
        3×3 structure.
    """
    pixels = mask.cpu().numpy().copy()
    _fill(pixels)
    return torch.from_numpy(pixels).to(mask.device)


def keep_large_regions(mask: Tensor, min_area: float) -> Tensor:
    """Keep the 8-connected regions whose area is above ``min_area`` pixels.

    Args:
        mask (Tensor): bool, shape ``(H, W)``.
        min_area (float): In pixels.

    Returns:
        Tensor: bool, the same shape.
    """
    pixels = mask.cpu().numpy().copy()
    _drop_small(pixels, min_area)
    return torch.from_numpy(pixels).to(mask.device)


def _fill(mask: np.ndarray) -> None:
    flip_components(mask, False, lambda components: ~components.touches_border)


def _drop_small(mask: np.ndarray, min_area: float) -> int:
    """Drop them in place; return the area of the largest that is dropped, 0 if none is."""
    # A share of the image, such as 35% of 20000 px, may be some 1e-12 px below what it says.
    limit = min_area * (1 + 1e-9)
    largest = 0

    def are_small(components: Components) -> np.ndarray:
        nonlocal largest
        chosen = components.areas <= limit
        largest = int(components.areas[chosen].max(initial=0))
        return chosen

    flip_components(mask, True, are_small)
    return largest


def _open(raw: np.ndarray) -> np.ndarray:
    eroded = cv2.erode(raw, CLEANING_KERNEL)
    left, top, width, height = cv2.boundingRect(eroded)
    if width:
        box = (slice(max(top - SPREAD, 0), top + height + SPREAD),
               slice(max(left - SPREAD, 0), left + width + SPREAD))
        eroded[box] = cv2.dilate(eroded[box], CLEANING_KERNEL, iterations=NUM_DILATIONS)
    return eroded
