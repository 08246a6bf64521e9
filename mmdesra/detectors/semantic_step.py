"""Label maps for a detector, in its own classes."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError
from ..segmentors import LabelSource, build_segmentor
from .base import BaseDetector


def build_labels(detector: BaseDetector,
                 segmentor: str | Path | Mapping | LabelSource | None,
                 **offered: object) -> LabelSource | None:
    """Build the source of label maps that a detector's semantic step takes.

    Args:
        detector (BaseDetector): The detector.
        segmentor (str | Path | dict | LabelSource | None): See
            :func:`mmdesra.segmentors.build_segmentor`. None: no semantic step.
        **offered: See there.

    Raises:
        InputError: If there is no such source, or the detector has no semantic step.
    """
    if segmentor is not None and not detector.uses_labels:
        raise InputError(f'the detector {type(detector).__name__} has no semantic step: leave out '
                         'labels and segmentor')
    return build_segmentor(segmentor, detector.class_names, **offered)
