"""The artifact map of LDL with the MSE-SR result as the reference."""
from __future__ import annotations

from torch import Tensor

from ..ops.ldl import LDL_WINDOW, ldl_artifact_map
from .area import BY_SIZE, AreaLimit
from .base import BaseDetector
from .registry import DETECTORS


@DETECTORS.register_module()
class LDLStar(BaseDetector):
    """LDL*, the rival in the tables of DeSRA.

    Source: Liang, Zeng and Zhang, "Details or Artifacts", CVPR 2022 (LDL): the 7×7 local
    variance of the residual, scaled by the fifth root of its variance over the image; LDL
    compares with the ground truth, LDL* (Xie et al., "DeSRA", ICML 2023) with the MSE-SR result.

    Unit: that of a variance of values in [0, 1]; 0 = equal up to a shift, below 2.8. High =
    artifact. The variance over the image enters, so a crop has another map than the image.

    Args:
        threshold (float): DeSRA's Table 1 has 0.01 (default), 0.005 and 0.001.
        min_area (float | str): See :class:`BaseDetector`.
    """

    margin = 0
    min_size = LDL_WINDOW
    low_is_artifact = False
    map_range = (0., 0.03)

    def __init__(self, threshold: float = 0.01,
                 min_area: float | str | AreaLimit = BY_SIZE) -> None:
        super().__init__(threshold, min_area)

    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        """Return LDL's map; see :meth:`BaseDetector.artifact_map`."""
        return ldl_artifact_map(gan, mse)
