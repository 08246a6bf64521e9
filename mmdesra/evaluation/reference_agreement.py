"""How near references without a sibling come to the sibling itself."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..detectors import DeSRA
from ..generators import Upscaler, upscale
from ..generators.self_ensemble import SelfEnsemble
from ..generators.turns import mean_of_turns
from ..ops import MaskScores, score_mask
from ..ops.consensus import PassSums, consensus_image, enlarged_bicubic, sharpened
from ..ops.psnr import psnr_of

SIBLING_THRESHOLD = .7


@dataclass
class Agreement:
    """Of one kind of reference, over the images so far.

    Attributes:
        scores (dict): For each threshold, its masks against those of the sibling.
        squared_errors (list[float]): For each image, the mean squared difference from the
            sibling's.
    """
    scores: dict[float, MaskScores]
    squared_errors: list[float] = field(default_factory=list)

    @property
    def psnr(self) -> float:
        """float: To the sibling's images, in dB, of the mean squared error over the images."""
        return psnr_of(float(np.mean(self.squared_errors)))


class ReferenceAgreement:
    """Compares references without a sibling with the sibling, image by image.

    Attributes:
        agreements (dict[str, Agreement]): By the reference's name.

    Args:
        ensemble (SelfEnsemble): Its passes are made once for all references.
        passes (Sequence[int]): How many of them to use; of the partner's likewise, and 1.
        thresholds (Sequence[float]): Of the detector, with each reference.
        min_area (float | str): Of the detector.
        partner (Upscaler, optional): An MSE partner, to be compared, too.
    """

    def __init__(self, ensemble: SelfEnsemble, passes: Sequence[int],
                 thresholds: Sequence[float], min_area: float | str,
                 partner: Upscaler | None = None) -> None:
        self.agreements: dict[str, Agreement] = {}
        self._ensemble = ensemble
        self._passes = passes
        self._partner = partner
        self._detectors = {threshold: DeSRA(threshold, min_area) for threshold in thresholds}
        self._published = DeSRA(SIBLING_THRESHOLD, min_area)

    def add(self, lq: np.ndarray, mse: np.ndarray, path: Path) -> None:
        """Compare the references of one image.

        Args:
            lq (np.ndarray): The LR image, uint8, shape ``(H, W, 3)``, RGB.
            mse (np.ndarray): The sibling's image, uint8, shape ``(s·H, s·W, 3)``, RGB.
            path (Path): Of the LR image.

        Raises:
            ImageError: If the generator fails on it.
        """
        gan = upscale(self._ensemble.upscaler, lq, path)
        wanted = _mask(self._published, gan, mse)
        for name, image in self._references(lq, path):
            agreement = self.agreements.setdefault(
                name, Agreement(dict.fromkeys(self._detectors, MaskScores())))
            agreement.squared_errors.append(
                float(((image.astype(np.float64) - mse)**2).mean()))
            for threshold, detector in self._detectors.items():
                agreement.scores[threshold] += score_mask(_mask(detector, gan, image), wanted)

    def _references(self, lq: np.ndarray, path: Path) -> Iterator[tuple[str, np.ndarray]]:
        scale = self._ensemble.sizes.scale
        enlarged = enlarged_bicubic(lq, scale)
        yield 'bicubic', enlarged
        yield 'sharpened bicubic', sharpened(enlarged, scale)
        sums = PassSums()
        for one in self._ensemble.each_pass(lq):
            sums.add(one)
            if sums.count in self._passes:
                mean = sums.moments(slice(None))[0].round().astype(np.uint8)
                yield f'mean of {sums.count} passes', mean
                yield f'self-ensemble, {sums.count} passes', consensus_image(sums, lq, scale)
        if self._partner is not None:
            for count in dict.fromkeys([1, *self._passes]):
                passes = '1 pass' if count == 1 else f'{count} passes'
                asked = partial(mean_of_turns, self._partner, count=count)
                yield f'partner, {passes}', upscale(asked, lq, path, 'partner')


def _mask(detector: DeSRA, gan: np.ndarray, reference: np.ndarray) -> Tensor:
    return torch.from_numpy(detector.detect(gan, reference).mask)
