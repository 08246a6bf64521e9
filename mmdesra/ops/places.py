"""Places for built artifacts: smooth blobs of an exact area, and where one of them fits."""
from __future__ import annotations

import cv2
import numpy as np

SOFTNESS = 4
"""Width in px of the soft border inside a place."""

_HARMONICS = 5
_ROUGHNESS = 0.45
_ELONGATION = (1.0, 2.0)


def draw_blob(area: int, rng: np.random.Generator) -> np.ndarray:
    r"""Draw a random smooth blob of an exact area.

    Its outline is :math:`r(\phi) = 1 + \sum_{k=2}^{5} a_k \cos(k \phi + \psi_k)` around an
    ellipse; the ``area`` pixels of smallest :math:`\rho / r(\phi)` belong to it.

    Args:
        area (int): In px, at least 100.
        rng (np.random.Generator): Source of the shape.

    Returns:
        np.ndarray: bool, the blob cut out by its bounding box.

    Raises:
        ValueError: If the area is too small for a shape.
    """
    if area < 100:
        raise ValueError(f'expected an area of at least 100 px, got {area}')
    orders = np.arange(2, _HARMONICS + 1)
    amplitudes = rng.uniform(-1, 1, len(orders)) / orders
    amplitudes *= _ROUGHNESS / np.abs(amplitudes).sum()
    phases = rng.uniform(0, 2 * np.pi, len(orders))
    elongation, turn = rng.uniform(*_ELONGATION), rng.uniform(0, np.pi)

    # The farthest point of the most elongated blob: (1 + 0.45) · sqrt(2 / π) · sqrt(area).
    half = int(1.2 * np.sqrt(area)) + 3
    down, right = np.mgrid[-half:half + 1, -half:half + 1].astype(np.float64)
    along = (np.cos(turn) * right + np.sin(turn) * down) / elongation
    across = np.cos(turn) * down - np.sin(turn) * right
    angle = np.arctan2(across, along)[..., None]
    outline = 1 + (amplitudes * np.cos(orders * angle + phases)).sum(axis=-1)
    distance = np.hypot(along, across) / outline
    nearest = np.argsort(distance, axis=None, kind='stable')[:area]
    blob = np.zeros(distance.shape, bool)
    blob.flat[nearest] = True
    rows, columns = np.flatnonzero(blob.any(axis=1)), np.flatnonzero(blob.any(axis=0))
    return blob[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


def soft_edge(blob: np.ndarray, softness: int = SOFTNESS) -> np.ndarray:
    """Weights that rise from the border of a blob to 1 inside.

    Args:
        blob (np.ndarray): bool, shape ``(H, W)``.
        softness (int): Pixels over which they rise.

    Returns:
        np.ndarray: float64, shape ``(H, W)``: 0 outside, in (0, 1] inside.
    """
    padded = np.pad(blob, 1).astype(np.uint8)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    ramp = (depth.astype(np.float64) / (softness + 1)).clip(0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def add_texture(image: np.ndarray, blob: np.ndarray, corner: tuple[int, int],
                values: np.ndarray, strength: float) -> tuple[np.ndarray, float]:
    """Add a texture to an image inside a blob, softly at its border.

    Args:
        image (np.ndarray): uint8, shape ``(H, W, 3)``.
        blob (np.ndarray): bool, shape ``(h, w)``.
        corner (tuple[int, int]): Row and column of the blob's upper left corner.
        values (np.ndarray): The texture, real, shape ``(h, w, 3)``, not 0 throughout.
        strength (float): Root mean square over the blob's pixels and channels of what is
            added, in 8-bit levels, before clipping and rounding.

    Returns:
        tuple[np.ndarray, float]: A new image, equal outside the blob, and the strength that is
        left after clipping and rounding.
    """
    rows, columns = (slice(start, start + size) for start, size in zip(corner, blob.shape))
    added = values * soft_edge(blob)[..., None]
    added *= strength / np.sqrt((added[blob]**2).mean())
    before = image[rows, columns].astype(np.float64)
    after = np.round(before + added).clip(0, 255)
    result = image.copy()
    result[rows, columns] = after.astype(np.uint8)
    return result, float(np.sqrt(((after - before)[blob]**2).mean()))


def mean_under(values: np.ndarray, blob: np.ndarray) -> np.ndarray:
    """Mean of a map under a blob, for every place where the blob fits.

    Args:
        values (np.ndarray): Real, shape ``(H, W)``.
        blob (np.ndarray): bool, shape ``(h, w)``.

    Returns:
        np.ndarray: float64, shape ``(H - h + 1, W - w + 1)`` by the blob's upper left corner;
        empty where the blob is larger than the map.
    """
    free = np.array(values.shape) - blob.shape + 1
    if free.min() < 1:
        return np.empty(free.clip(min=0))
    kernel = blob / blob.sum()
    means = cv2.filter2D(values.astype(np.float64), cv2.CV_64F, kernel, anchor=(0, 0),
                         borderType=cv2.BORDER_CONSTANT)
    return means[:free[0], :free[1]]
