"""The detector of the paper."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..ops import difference_map, weight_map
from ..ops.statistics import FORMS
from .area import BY_SIZE, AreaLimit
from .base import BaseDetector, Detection
from .class_table import ADE20K_TABLE, ClassTable
from .registry import DETECTORS


@DETECTORS.register_module()
class DeSRA(BaseDetector):
    r"""Relative local-variance difference with semantic-aware thresholds (DeSRA, ICML 2023).

    :math:`D` is averaged over the channels; with a label map it is multiplied by the weight
    :math:`A = 20 / (20 - b)` of each pixel's class and clipped to [0, 1]. Artifact where the
    result is below ``threshold``.

    Args:
        threshold (float): In (0, 1]. Released: 0.7.
        min_area (float | str): See :class:`BaseDetector`. Released: 4000 px for every
            image; default: 4000 px at one megapixel.
        form (str): ``'released'`` or ``'printed'``; see
            :func:`mmdesra.ops.relative_difference`.
        class_table (str | Path | ClassTable): CSV file or table of class bins. Default: the
            150 ADE20K classes as published. Used only where a label map is given.
        device (str): Where D is computed: ``'cpu'``, ``'cuda'`` …; in float64 everywhere.

    Raises:
        InputError: If an argument is none of these.
    """

    is_local = True
    strip_pixels = 2**22  # nothing is held but the two images and the map
    uses_labels = True

    def __init__(self,
                 threshold: float = 0.7,
                 min_area: float | str | AreaLimit = BY_SIZE,
                 form: str = 'released',
                 class_table: str | Path | ClassTable = ADE20K_TABLE,
                 device: str = 'cpu') -> None:
        if not 0 < threshold <= 1:
            raise InputError(f'expected a threshold in (0, 1], got {threshold}')
        if form not in FORMS:
            raise InputError(f'expected form to be one of {FORMS}, got {form!r}')
        super().__init__(threshold, min_area)
        self.form = form
        self.device = device
        if torch.device(device).type != 'cpu':  # there, float64 statistics are held
            self.strip_pixels = BaseDetector.strip_pixels
        self.class_table = (class_table if isinstance(class_table, ClassTable)
                            else ClassTable.load(class_table))

    @property
    def class_names(self) -> tuple[str, ...]:
        """tuple[str]: The classes of the table."""
        return self.class_table.names

    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        """Return D; see :meth:`BaseDetector.artifact_map`."""
        return difference_map(gan.to(self.device), mse.to(self.device), self.form)

    def adjusted_map(self, artifact_map: Tensor, labels: Tensor) -> Tensor:
        """Multiply D by each class's weight; see :meth:`BaseDetector.adjusted_map`."""
        weights = weight_map(labels, self.class_table.weights.to(labels.device))
        return (artifact_map * weights).clamp_(max=1)

    def wants_labels(self, detection: Detection) -> bool:
        """See :meth:`BaseDetector.wants_labels`.

        Every published weight is 1 or more and every step after it is monotone, so a label map
        can only take pixels away: an empty mask stays empty. A table of a user's own may go
        below 1; then the mask that its smallest weight gives everywhere holds all others.
        """
        smallest = float(self.class_table.weights.min())
        if smallest >= 1:
            return bool(detection.mask.any())
        # Computed in float64 and rounded, exactly as the adjusted map is, so that the answer is
        # right for every pixel.
        widest = (detection.map.astype(np.float64) * smallest).astype(np.float32)
        return bool(self.mask_at(widest, self.threshold).any())

    def describe(self) -> dict:
        """See :meth:`BaseDetector.describe`."""
        return dict(super().describe(), form=self.form, class_bins=list(self.class_table.bins))
