"""DISTS as a map, against the MSE-SR result."""
from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..compat import package_folder
from ..errors import InputError
from ..generators.checkpoint import fingerprint, read_checkpoint
from ..models.vgg16 import CHANNELS, RECEPTIVE_RADIUS, STRIDES, VGG16Stages
from ..ops.dists import enlarge, local_similarity
from ..ops.tiles import by_tiles
from .area import BY_SIZE, AreaLimit
from .backbone import load_backbone
from .base import BaseDetector
from .registry import DETECTORS

UNIFORM = 'uniform'
LEARNED_WEIGHTS = {
    'DISTS_pytorch': 'weights.pt',
    'torchmetrics': 'functional/image/dists_models/weights.pt',
}
"""Where installed packages keep the published weights of the similarities."""

MIN_WINDOW = 3
"""Values on a side in the coarse stages: one alone has no variance."""

TILE = 512
"""Side of what one run of the network gives, in px: about 1.5 GB with the overlap."""


@DETECTORS.register_module()
class DISTS(BaseDetector):
    """Structure and texture similarity of the features of GAN-SR and MSE-SR image.

    Source: Ding et al., "Image Quality Assessment: Unifying Structure and Texture Similarity",
    IEEE TPAMI 2020: 1 minus a weighted sum of similarities of means and of covariances, over the
    image and five stages of VGG16. Here in a window around each pixel rather than over the whole
    image, as in the same authors' "Locally Adaptive Structure and Texture Similarity", ACM MM
    2021 (without its adaptive weights); each stage's map is interpolated to the image. DISTS maps
    do well in the audit SR-Prominence (arXiv 2605.14847), which may make them in another way.
    Not in DeSRA's tables.

    An image larger than 832 px is computed in overlapping tiles; up to rounding that makes no
    difference.

    Unit: none, 0 = equal, 1 = nothing in common, at most 2. High = artifact.

    Args:
        threshold (float): Default: 0.31, at which it marks as many pixels as DeSRA at 0.7 (see
            docs/detectors.md); the papers give none.
        min_area (float | str): See :class:`BaseDetector`.
        backbone_weights (str | Path): File of torchvision's vgg16, trained on ImageNet
            (``features.0.weight`` …).
        similarity_weights (str | Path, optional): File with the learned ``alpha`` and ``beta``,
            as the authors distribute it, or ``'uniform'``: the six stages, and the channels of
            a stage, count alike. Default: the file of an installed DISTS-pytorch or torchmetrics.
        window (int): Odd side of the window in px; in a stage of stride s about its s-th part,
            but 3 values. 17 told built textures from real photographs better than 9 and 33.
        device (str): Where the network runs: ``'cpu'``, ``'cuda'`` …

    Raises:
        InputError: If the window is not odd, or weights are missing or do not fit.
    """

    margin = 0
    min_size = 32
    low_is_artifact = False

    def __init__(self,
                 threshold: float = 0.31,
                 min_area: float | str | AreaLimit = BY_SIZE,
                 backbone_weights: str | Path | None = None,
                 similarity_weights: str | Path | None = None,
                 window: int = 17,
                 device: str = 'cpu') -> None:
        super().__init__(threshold, min_area)
        if window < 3 or window % 2 == 0:
            raise InputError(f'expected an odd window of at least 3 px, got {window}')
        self.window = window
        self.device = device
        learned = None if similarity_weights == UNIFORM else similarity_weights
        self.weights_files = {'DISTS (vgg16)': backbone_weights, 'DISTS (similarities)': learned}
        self._weights = _similarity_weights(similarity_weights)
        self._network = VGG16Stages()
        load_backbone(self._network, backbone_weights, 'vgg16')
        self._network.eval().to(device)

    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        """Return 1 - similarity; see :meth:`BaseDetector.artifact_map`."""
        coarsest = STRIDES[-1]
        # What a pixel depends on: the network's receptive field, then the window and the
        # interpolation in its coarsest stage.
        seen = RECEPTIVE_RADIUS + (self.window // 2 + coarsest) + coarsest
        overlap = -(-seen // coarsest) * coarsest
        return by_tiles(self._difference, gan, mse, TILE, overlap)

    def describe(self) -> dict:
        """See :meth:`BaseDetector.describe`."""
        holder = torch.nn.ParameterList(self._weights)
        return dict(super().describe(), window=self.window, weights=fingerprint(self._network),
                    similarity_weights=fingerprint(holder))

    @torch.no_grad()
    def _difference(self, gan: Tensor, mse: Tensor) -> Tensor:
        size = gan.shape[1:]
        stages = (self._network(image[None].to(self.device).float() / 255) for image in (gan, mse))
        alphas, betas = (weights.split(CHANNELS) for weights in self._weights)
        similarity = torch.zeros(size, dtype=torch.float64)
        for x, y, alpha, beta, stride in zip(*stages, alphas, betas, STRIDES):
            window = max(self.window // stride | 1, MIN_WINDOW)
            part = local_similarity(x[0], y[0], window, alpha, beta)
            similarity += enlarge(part.cpu(), stride, size)
        return (1 - similarity).float()


def _similarity_weights(source: str | Path | None) -> tuple[Tensor, Tensor]:
    """Return alpha and beta, float64, shape ``(1475,)``; all together have the sum 1."""
    if source == UNIFORM:
        alpha = beta = torch.cat([torch.full((channels,), 1 / channels, dtype=torch.float64)
                                  for channels in CHANNELS])
    else:
        alpha, beta = _learned_weights(source or _find_weights())
    total = alpha.sum() + beta.sum()
    return alpha / total, beta / total


def _learned_weights(path: str | Path) -> tuple[Tensor, Tensor]:
    content = read_checkpoint(path)
    weights = []
    for name in ('alpha', 'beta'):
        weight = content.get(name)
        if not isinstance(weight, Tensor) or weight.numel() != sum(CHANNELS):
            raise InputError(f'{path}: expected DISTS weights, alpha and beta with '
                             f'{sum(CHANNELS)} values each, but {name} is not that')
        weights.append(weight.detach().double().flatten())
    alpha, beta = weights
    return alpha, beta


def _find_weights() -> Path:
    for package, file in LEARNED_WEIGHTS.items():
        folder = package_folder(package)
        if folder is not None and (Path(folder) / file).is_file():
            return Path(folder) / file
    raise InputError('the detector DISTS needs the learned weights of its similarities, which '
                     'come with DISTS-pytorch and torchmetrics; neither is installed. Install '
                     'one (pip install DISTS-pytorch), give similarity_weights=weights.pt, or '
                     "similarity_weights='uniform' to go without")
