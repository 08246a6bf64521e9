"""The absolute texture difference, from which DeSRA starts."""
from __future__ import annotations

from torch import Tensor

from ..ops import difference_map
from .area import BY_SIZE, AreaLimit
from .base import BaseDetector
from .registry import DETECTORS


@DETECTORS.register_module()
class TextureDifference(BaseDetector):
    r"""Difference of the local standard deviations, :math:`d = (\sigma_x - \sigma_y)^2`.

    Source: Xie et al., "DeSRA", ICML 2023, the measure that the paper starts from and then
    normalises to D, because d is large wherever there is much texture. 11×11 Gaussian window,
    per channel, then averaged.

    Unit: squared grey levels (of 255); 0 = same local variance, at most 127.5². High = artifact.

    Args:
        threshold (float): Default: 170, at which it marks as many pixels as DeSRA at 0.7 (see
            docs/detectors.md); the paper gives none.
        min_area (float | str): See :class:`BaseDetector`.
    """

    is_local = True
    strip_pixels = 2**22  # nothing is held but the two images and the map
    low_is_artifact = False
    map_range = (0., 500.)

    def __init__(self, threshold: float = 170,
                 min_area: float | str | AreaLimit = BY_SIZE) -> None:
        super().__init__(threshold, min_area)

    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        """Return d; see :meth:`BaseDetector.artifact_map`."""
        return difference_map(gan, mse, 'absolute')
