"""NIQE as a map of patches: which do not look like a natural photograph?"""
from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..compat import package_folder
from ..errors import InputError
from ..ops.niqe import NUM_FEATURES, PATCH_SIZE, distances, luma, patch_features
from ..ops.patches import interpolate_patches, patch_begins
from .area import BY_SIZE, AreaLimit
from .base import BaseDetector
from .registry import DETECTORS

PRISTINE_MODELS = {
    'mmagic': 'evaluation/metrics/niqe_pris_params.npz',
    'basicsr': 'metrics/niqe_pris_params.npz',
}
"""Where installed packages keep the published model of pristine photographs."""


@DETECTORS.register_module()
class NIQE(BaseDetector):
    """Distance of each patch from the statistics of pristine photographs; no reference needed.

    Source: Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality
    Analyzer", IEEE SPL 2013; a rival in DeSRA's Table 1, which does not say how it was made a
    map. Here: the 36 features of overlapping patches of 96×96 px (the published size), each
    patch's distance from the published model as in eq. 10, with the model's covariance for both
    sides, and linear interpolation between the patches' centres. The MSE-SR image is ignored. A
    flat patch scores 0.

    Unit: that of a Mahalanobis distance, from 0 (natural) up; pristine patches lie around 6.
    High = artifact.

    Args:
        threshold (float): Default: 11, at which it marks as many pixels as DeSRA
            at 0.7 (see docs/detectors.md); the papers give none.
        min_area (float | str): See :class:`BaseDetector`.
        stride (int): From one patch to the next, an even number of px.
        pristine_model (str | Path, optional): ``.npz`` file with ``mu_pris_param`` (36 values)
            and ``cov_pris_param`` (36×36). Default: the published one from an installed MMagic
            or BasicSR.

    Raises:
        InputError: If the stride is not even and positive or the model cannot be had.
    """

    uses_mse = False
    margin = 0
    min_size = PATCH_SIZE
    low_is_artifact = False
    map_range = (0., 20.)

    def __init__(self,
                 threshold: float = 11,
                 min_area: float | str | AreaLimit = BY_SIZE,
                 stride: int = 24,
                 pristine_model: str | Path | None = None) -> None:
        super().__init__(threshold, min_area)
        if stride < 2 or stride % 2:
            raise InputError(f'expected an even stride of at least 2 px, got {stride}')
        self.stride = stride
        model = pristine_model or _find_model()
        self.weights_files = {'NIQE': model}
        self._mean, self._covariance = _load_model(model)

    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        """Return the distances; see :meth:`BaseDetector.artifact_map`."""
        height, width = gan.shape[1:]
        tops, lefts = (patch_begins(side, PATCH_SIZE, self.stride) for side in (height, width))
        features = patch_features(luma(gan), tops, lefts)
        scores = distances(features, self._mean, self._covariance)
        return interpolate_patches(scores, tops, lefts, PATCH_SIZE, (height, width))

    def describe(self) -> dict:
        """See :meth:`BaseDetector.describe`."""
        model = self._mean.numpy().tobytes() + self._covariance.numpy().tobytes()
        return dict(super().describe(), stride=self.stride,
                    pristine_model=hashlib.sha256(model).hexdigest())


def _find_model() -> Path:
    for package, file in PRISTINE_MODELS.items():
        folder = package_folder(package)  # without importing it, which would take seconds
        if folder is not None and (Path(folder) / file).is_file():
            return Path(folder) / file
    raise InputError('NIQE needs the published model of pristine photographs, which comes with '
                     'MMagic and BasicSR; neither is installed. Install one (pip install mmagic) '
                     'or give pristine_model=niqe_pris_params.npz')


def _load_model(path: str | Path) -> tuple[Tensor, Tensor]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            mean = arrays['mu_pris_param'].reshape(NUM_FEATURES)
            covariance = arrays['cov_pris_param'].reshape(NUM_FEATURES, NUM_FEATURES)
            if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
                raise ValueError('it holds NaN or infinity')
            return torch.from_numpy(mean).double(), torch.from_numpy(covariance).double()
    except Exception as error:  # NumPy has many for a file that is none of its own
        raise InputError(f'{path}: expected an .npz file with mu_pris_param ({NUM_FEATURES} '
                         f'values) and cov_pris_param ({NUM_FEATURES}x{NUM_FEATURES}), as MMagic '
                         f'and BasicSR have it ({error!r})') from error
