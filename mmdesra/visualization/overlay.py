"""Masks drawn onto images: tinted and outlined regions."""
from __future__ import annotations

import cv2
import numpy as np

from .checks import check_image, check_mask

TINT = 0.2
"""Opacity of the tint inside a region, 0 to 1: seen at a glance, and the texture still shows."""
INNER_COLOR = (230, 0, 38)
OUTER_COLOR = (255, 255, 255)
"""Red, inside a white line: one of the two stands out on any content, dark, light or red."""


def outline_width(height: int, width: int) -> int:
    """Width of each of the two outlines in px, 1 to 3; it grows with the longer side (600: 2)."""
    return int(np.clip(round(max(height, width) / 300), 1, 3))


def draw_overlay(image: np.ndarray, mask: np.ndarray,
                 color: tuple[int, int, int] = INNER_COLOR) -> np.ndarray:
    """Draw an artifact mask onto its image.

    Each region is tinted lightly and gets a double outline: red just inside its edge and white
    just outside. Pixels further than :func:`outline_width` from every region keep their values.

    Args:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W), True where the image shows an artifact.
        color: RGB of the tint and the inner outline. Default: red.

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
    # Outside the image counts as free of artifacts, so that the outline is closed at the border
    # (OpenCV's default would leave it open).
    core = cv2.erode(region, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    grown = cv2.dilate(region, kernel) > 0

    out = image.copy()
    tint = np.array(color, dtype=np.float32) * np.float32(TINT)
    out[core] = np.rint(image[core] * np.float32(1 - TINT) + tint)
    out[mask & ~core] = color
    out[grown & ~mask] = OUTER_COLOR
    return out


def outline_path(mask: np.ndarray) -> str:
    """Trace a mask as an SVG path, whose line stays thin when the picture is magnified.

    Args:
        mask: bool (H, W).

    Returns:
        The ``d`` of a <path> in pixels, one closed line through the border pixels of each region
        and around each hole (to be filled by the even-odd rule); empty for an empty mask.

    Raises:
        ValueError: If the mask is not bool (H, W).
    """
    check_mask(mask)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    # OpenCV gives the corner of a pixel; the line goes through its centre.
    return ''.join('M' + 'L'.join(f'{x + 0.5:g} {y + 0.5:g}' for x, y in contour[:, 0]) + 'Z'
                   for contour in contours)
