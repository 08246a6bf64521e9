"""Masks and artifact maps drawn for the eye."""
from __future__ import annotations

import cv2
import numpy as np

from .checks import check_image, check_mask, describe

TINT = 0.2
"""Share of the outline's colour inside a region: seen at a glance, the texture still shows."""
INNER_COLOR = (230, 0, 38)
OUTER_COLOR = (255, 255, 255)
"""Red inside white: one of the two stands out on any content, dark, light or red."""


def outline_width(height: int, width: int) -> int:
    """Width of each of the two outlines in px: 1 to 3, growing with the longer side (2 at 600).
    """
    return int(np.clip(round(max(height, width) / 300), 1, 3))


def draw_overlay(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draw an artifact mask onto its image.

    Each region is tinted lightly and gets a double outline: red just inside its edge and white
    just outside. Pixels further than :func:`outline_width` from every region keep their values.

    Args:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W), True where the image shows an artifact.

    Returns:
        A new uint8 (H, W, 3) array, RGB.

    Raises:
        ValueError: If dtype or shape of an argument differ from the above.
    """
    check_image(image)
    check_mask(mask, image.shape[:2])
    side = 2 * outline_width(*mask.shape) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    region = mask.astype(np.uint8)
    # Outside the image counts as free of artifacts, so that a region is closed by a line where
    # the image ends (OpenCV's default would leave it open there).
    core = cv2.erode(region, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    grown = cv2.dilate(region, kernel) > 0

    out = image.copy()
    color = np.array(INNER_COLOR, dtype=np.float32)
    out[core] = np.rint(image[core] * np.float32(1 - TINT) + color * np.float32(TINT))
    out[mask & ~core] = INNER_COLOR
    out[grown & ~mask] = OUTER_COLOR
    return out


def draw_heatmap(artifact_map: np.ndarray) -> np.ndarray:
    """Colour an artifact map with a perceptual scale: artifacts bright, same texture black.

    Args:
        artifact_map: float (H, W) in [0, 1]; 1 = both images have the same texture, 0 = artifact.

    Returns:
        uint8 (H, W, 3), RGB: OpenCV's INFERNO of ``1 - artifact_map``.

    Raises:
        ValueError: If the map is not a float (H, W) array with finite values in [0, 1].
    """
    if not (isinstance(artifact_map, np.ndarray) and artifact_map.ndim == 2
            and np.issubdtype(artifact_map.dtype, np.floating) and artifact_map.size):
        raise ValueError(f'expected the artifact map to be a non-empty float array (H, W), '
                         f'got {describe(artifact_map)}')
    low, high = float(artifact_map.min()), float(artifact_map.max())
    if not (low >= 0 and high <= 1):  # written so that NaN fails, too
        raise ValueError(f'expected the artifact map in [0, 1], got values in [{low}, {high}]')
    levels = np.rint(255 * (1 - artifact_map)).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
