"""A perceptual distance without weights: the mean difference of the pixels, on [0, 1]."""
from __future__ import annotations

from torch import Tensor

from mmdesra.detectors import LPIPS, BaseDetector


class ToyDistance(LPIPS):
    """In place of LPIPS; its own kind, so that whatever takes LPIPS takes it."""

    min_size = 20

    def __init__(self, scale: float = 1) -> None:
        BaseDetector.__init__(self, .5)
        self.net = 'toy'
        self.scale = scale

    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        return (gan.float() - mse.float()).abs().mean(dim=0) * self.scale / 255

    def describe(self) -> dict:
        return dict(BaseDetector.describe(self), net=self.net, scale=self.scale)
