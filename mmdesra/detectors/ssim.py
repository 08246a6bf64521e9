"""Structural similarity with the MSE-SR result."""
from __future__ import annotations

from torch import Tensor

from ..ops.ssim import structural_similarity
from .area import BY_SIZE, AreaLimit
from .base import BaseDetector
from .registry import DETECTORS


@DETECTORS.register_module()
class SSIM(BaseDetector):
    """SSIM of the GAN-SR and the MSE-SR image, window by window.

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural
    Similarity", IEEE TIP 2004; as a detector of SR artifacts it does well in the audit
    SR-Prominence (arXiv 2605.14847). 11×11 Gaussian window, σ = 1.5; per channel, then averaged,
    as DeSRA treats its statistics, so that artifacts of colour count too. Equal to scikit-image's
    ``structural_similarity(…, gaussian_weights=True, use_sample_covariance=False)``.

    Unit: none, in [-1, 1]; 1 = equal. Low = artifact.

    Args:
        threshold (float): In (-1, 1]. Default: 0.3, at which it marks as many pixels as DeSRA
            at 0.7 (see docs/detectors.md); the papers give none.
        min_area (float | str): See :class:`BaseDetector`.
    """

    is_local = True

    def __init__(self, threshold: float = 0.3,
                 min_area: float | str | AreaLimit = BY_SIZE) -> None:
        super().__init__(threshold, min_area)

    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        """Return the SSIM; see :meth:`BaseDetector.artifact_map`."""
        return structural_similarity(gan, mse).mean(dim=0)
