"""Artifact maps as coloured pictures."""
from __future__ import annotations

import cv2
import numpy as np

from .checks import check_map

NO_SCORE_COLOR = (128, 128, 128)


def draw_heatmap(artifact_map: np.ndarray,
                 map_range: tuple[float, float] = (0.0, 1.0),
                 low_is_artifact: bool = True) -> np.ndarray:
    """Colour an artifact map with a perceptual scale: bright where there is an artifact.

    Args:
        artifact_map: float (H, W), in the detector's unit; NaN where there is no score.
        map_range: The values at the ends of the scale; values beyond take the colour of the end.
        low_is_artifact: Whether a low value means artifact, as in DeSRA's D, where 1 means that
            both images have the same texture. False: a high value does, as in LDL's map.

    Returns:
        uint8 (H, W, 3), RGB: OpenCV's INFERNO, bright at the artifact end; grey for NaN.

    Raises:
        ValueError: If the map is not a float (H, W) array, or the range is empty.
    """
    check_map(artifact_map)
    low, high = map_range
    if not low < high:  # not `low >= high`, which is False for NaN
        raise ValueError(f'expected a map_range (low, high) with low < high, got {map_range}')
    share = (artifact_map.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    unknown = np.isnan(share)
    share = np.clip(np.nan_to_num(share), 0, 1)
    if low_is_artifact:
        share = 1 - share
    levels = np.rint(255 * share).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    colors[unknown] = NO_SCORE_COLOR
    return colors
