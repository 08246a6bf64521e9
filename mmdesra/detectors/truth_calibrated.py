"""A detector that has learnt from photographs where one GAN-SR model goes wrong."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..generators.checkpoint import fingerprint
from ..models.artifact_net import STRIDE
from ..ops.block_statistics import BLOCK, pair_planes
from ..ops.tiles import by_tiles
from .area import BY_SIZE, AreaLimit
from .base import BaseDetector
from .calibrated_file import read_calibrated
from .registry import DETECTORS

COARSEST = 32
"""In px: the network's coarsest stride; the sides of its input are multiples of it."""

TILE, OVERLAP = 2048, 192
"""In px, multiples of :data:`COARSEST`. What the network gives depends on less than 192 px
around."""


@DETECTORS.register_module()
class TruthCalibrated(BaseDetector):
    """How likely each place is an artifact by the truth, learnt for one model from photographs.

    Photographs are reduced and enlarged again by the model, and compared with themselves
    (:mod:`mmdesra.ops.truth_masks`): so it is known where the model is wrong. A small network
    learns to tell these places by what is there without the photograph: the texture of 4×4
    blocks of the GAN-SR image, of its reduction (which stands for the LR image) and, if it was
    calibrated with a sibling, of the MSE-SR image. ``mmdesra calibrate`` makes the file
    in minutes; docs/calibrated_detector.md has figures. Not in DeSRA's tables.

    An image larger than 2432 px is computed in overlapping tiles; up to rounding that makes no
    difference.

    Unit: probability, [0, 1]. High = artifact.

    Args:
        weights (str | Path): The file of the calibration. Nothing in it is run.
        threshold (float, optional): In (0, 1). Default: the file's, chosen on photographs that
            the network had not learnt from.
        min_area (float | str): See :class:`BaseDetector`.
        kind (str): What is called an artifact: ``'strength'`` (too much texture, and farther from
            the truth's than the reference's) or ``'even_ground'`` (texture where the truth has
            next to none).
        device (str): Where the network runs: ``'cpu'``, ``'cuda'`` …

    Raises:
        InputError: If the file is none of a calibration, or knows no such kind.
    """

    margin = 0
    min_size = BLOCK
    low_is_artifact = False

    def __init__(self,
                 weights: str | Path | None = None,
                 threshold: float | None = None,
                 min_area: float | str | AreaLimit = BY_SIZE,
                 kind: str = 'strength',
                 device: str = 'cpu') -> None:
        if weights is None:
            raise InputError('expected weights, the file of a calibration for your model; '
                             '`mmdesra calibrate` makes it from photographs')
        self._network, self.card = read_calibrated(weights)
        self.weights_files = {'TruthCalibrated': weights}
        if kind not in self.card.kinds:
            raise InputError(f'{weights}: expected one of the kinds {", ".join(self.card.kinds)}, '
                             f'got {kind!r}')
        self._place = self.card.kinds.index(kind)
        threshold = self.card.thresholds[self._place] if threshold is None else threshold
        if not 0 < threshold < 1:
            raise InputError(f'expected a threshold in (0, 1), got {threshold}')
        super().__init__(threshold, min_area)
        self.kind = kind
        self.device = device
        self.uses_mse = self.card.uses_mse
        self._network.to(device)

    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        """Return the probability; see :meth:`BaseDetector.artifact_map`."""
        return by_tiles(self._probability, gan, mse, TILE, OVERLAP)

    def describe(self) -> dict:
        """See :meth:`BaseDetector.describe`."""
        return dict(super().describe(), kind=self.kind, weights=fingerprint(self._network))

    @torch.no_grad()
    def _probability(self, gan: Tensor, mse: Tensor) -> Tensor:
        height, width = gan.shape[1:]
        images = [_padded(image) for image in ((gan, mse) if self.uses_mse else (gan,))]
        planes = pair_planes(images[0], images[1] if self.uses_mse else None)
        planes = planes[None].to(self.device, memory_format=torch.channels_last)
        logits = self._network(planes)[:, self._place:self._place + 1]
        enlarged = F.interpolate(logits, scale_factor=STRIDE, mode='bilinear')
        return torch.sigmoid(enlarged[0, 0, :height, :width]).cpu()


def _padded(image: Tensor) -> np.ndarray:
    """Extend an image by its last pixels to what the network takes: ``(H, W, 3)``."""
    pixels = image.permute(1, 2, 0).numpy()
    extra = [(0, -side % COARSEST) for side in pixels.shape[:2]]
    return pixels if extra == [(0, 0), (0, 0)] else np.pad(pixels, [*extra, (0, 0)], mode='edge')
