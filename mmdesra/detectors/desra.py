"""The detector of the paper."""
from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ..errors import InputError
from ..ops import MARGIN, local_std, relative_difference, weight_map
from ..ops.statistics import FORMS
from .base import DETECTORS, BaseDetector
from .class_table import ADE20K_TABLE, ClassTable


@DETECTORS.register_module()
class DeSRA(BaseDetector):
    r"""Relative local-variance difference with semantic-aware thresholds (DeSRA, ICML 2023).

    :math:`D` is averaged over the channels; with a label map it is multiplied by the weight
    :math:`A = 20 / (20 - b)` of each pixel's class and clipped to [0, 1]. Artifact where the
    result is below ``threshold``.

    Args:
        threshold (float): In (0, 1]. Released: 0.7.
        min_area (float | str): See :class:`BaseDetector`. Released: 4000 px.
        form (str): ``'released'`` or ``'printed'``; see
            :func:`mmdesra.ops.relative_difference`.
        class_table (str | Path | ClassTable): CSV file or table of class bins. Default: the
            150 ADE20K classes as published. Used only where a label map is given.

    Raises:
        InputError: If an argument is none of these.
    """

    def __init__(self,
                 threshold: float = 0.7,
                 min_area: float | str = 4000,
                 form: str = 'released',
                 class_table: str | Path | ClassTable = ADE20K_TABLE) -> None:
        super().__init__(min_area)
        if not 0 < threshold <= 1:
            raise InputError(f'expected a threshold in (0, 1], got {threshold}')
        if form not in FORMS:
            raise InputError(f'expected form to be one of {FORMS}, got {form!r}')
        self.threshold = threshold
        self.form = form
        self.class_table = (class_table if isinstance(class_table, ClassTable)
                            else ClassTable.load(class_table))

    def artifact_map(self, gan: Tensor, mse: Tensor, labels: Tensor | None) -> Tensor:
        """See :meth:`BaseDetector.artifact_map`."""
        difference = relative_difference(local_std(gan), local_std(mse), self.form).mean(dim=0)
        if labels is None:
            return difference
        valid = labels[MARGIN:-MARGIN, MARGIN:-MARGIN]
        weights = weight_map(valid, self.class_table.weights.to(difference.device))
        return (difference * weights).clamp_(max=1)

    def is_artifact(self, artifact_map: Tensor) -> Tensor:
        """See :meth:`BaseDetector.is_artifact`."""
        return artifact_map < self.threshold

    def describe(self) -> dict:
        """See :meth:`BaseDetector.describe`."""
        return dict(super().describe(), threshold=self.threshold, form=self.form,
                    class_bins=list(self.class_table.bins))
