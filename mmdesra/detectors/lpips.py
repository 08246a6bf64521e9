"""LPIPS as a map, against the MSE-SR result."""
from __future__ import annotations

import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from ..generators.checkpoint import fingerprint
from ..generators.safe_loading import SafeLoading
from ..ops.tiles import by_tiles
from .area import BY_SIZE, AreaLimit
from .backbone import load_backbone
from .base import BaseDetector
from .registry import DETECTORS

NETS = {'vgg': 'vgg16', 'alex': 'alexnet', 'squeeze': 'squeezenet1_1'}
"""The nets of LPIPS, and the names of their backbones in torchvision."""

COARSEST_STRIDE = 16
TILE, OVERLAP = 512, 128
"""In px. A pixel depends on 98 px around it (VGG16) and 16 px more (the interpolation)."""


@DETECTORS.register_module()
class LPIPS(BaseDetector):
    """Learned perceptual distance of the GAN-SR from the MSE-SR image, pixel by pixel.

    Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual
    Metric", CVPR 2018, version 0.1, by the authors' package ``lpips`` with ``spatial=True``:
    weighted squared differences of normalised features, interpolated to the image and summed
    over the layers. Not in DeSRA's tables.

    The package brings the layers' weights, not those of the backbone: give a file of them. An
    image whose sides are no multiples of 16 is extended by its last pixels. One larger than
    768 px is computed in overlapping tiles: no difference with vgg, while alex and squeeze place
    their features by the size of the tile, up to about 10 px off.

    Unit: none, from 0 (equal) to about 1. High = artifact.

    Args:
        threshold (float): Default: 0.55, at which ``vgg`` marks as many pixels as DeSRA at
            0.7 (see docs/detectors.md; ``alex``: 0.8); the paper gives none.
        min_area (float | str): See :class:`BaseDetector`.
        backbone_weights (str | Path): File of torchvision's vgg16, alexnet or squeezenet1_1,
            trained on ImageNet (``features.0.weight`` …).
        net (str): ``'vgg'``, ``'alex'`` or ``'squeeze'``.
        device (str): Where the network runs: ``'cpu'``, ``'cuda'`` …

    Raises:
        InputError: If the net is none of these, its weights do not fill it, or the packages
            ``lpips`` and ``torchvision`` are missing.
    """

    margin = 0
    min_size = 32
    low_is_artifact = False

    def __init__(self,
                 threshold: float = 0.55,
                 min_area: float | str | AreaLimit = BY_SIZE,
                 backbone_weights: str | Path | None = None,
                 net: str = 'vgg',
                 device: str = 'cpu') -> None:
        super().__init__(threshold, min_area)
        if net not in NETS:
            raise InputError(f'expected net to be one of {tuple(NETS)}, got {net!r}')
        self.net = net
        self.device = device
        self.weights_files = {f'LPIPS ({NETS[net]})': backbone_weights}
        self._model = _build(net, backbone_weights).to(device)

    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        """Return the distance; see :meth:`BaseDetector.artifact_map`."""
        return by_tiles(self._distance, gan, mse, TILE, OVERLAP)

    def describe(self) -> dict:
        """See :meth:`BaseDetector.describe`."""
        return dict(super().describe(), net=self.net, weights=fingerprint(self._model))

    @torch.no_grad()
    def _distance(self, gan: Tensor, mse: Tensor) -> Tensor:
        height, width = gan.shape[1:]
        extra = (0, -width % COARSEST_STRIDE, 0, -height % COARSEST_STRIDE)
        images = (F.pad(image[None].to(self.device).float() / 127.5 - 1, extra, mode='replicate')
                  for image in (gan, mse))
        return self._model(*images)[0, 0, :height, :width].cpu()


def _build(net: str, backbone_weights: str | Path | None) -> nn.Module:
    try:
        import lpips
    except ImportError as error:
        raise InputError('the detector LPIPS needs the packages lpips and torchvision '
                         f'(pip install lpips torchvision): {error}') from error
    with warnings.catch_warnings(), SafeLoading():
        warnings.simplefilter('ignore')  # torchvision's, about how lpips calls it
        model = lpips.LPIPS(net=net, spatial=True, pnet_rand=True, verbose=False)
    # 'slice2.4.weight' there is 'features.4.weight' in torchvision.
    names = {name: 'features.' + name.partition('.')[2]
             for name, _ in model.net.named_parameters()}
    load_backbone(model.net, backbone_weights, NETS[net], names)
    return model.eval()
