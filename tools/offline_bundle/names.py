"""Names of packages, and which stand for which. The bundle carries it: Python alone is needed."""
from __future__ import annotations

import re
from collections.abc import Collection

SAME = (
    ('opencv-python-headless', 'opencv-python', 'opencv-contrib-python',
     'opencv-contrib-python-headless'),
    ('mmcv-lite', 'mmcv', 'onedl-mmcv'),
    ('mmengine', 'mmengine-lite', 'onedl-mmengine'),
    ('mmsegmentation', 'onedl-mmsegmentation'),
)
"""Packages that write the same folder: any one does, and a second would spoil the first."""


def normalise(name: str) -> str:
    """Return a package's name as indexes compare it: ``PyYAML`` and ``pyyaml`` are one."""
    return re.sub(r'[-_.]+', '-', name).lower()


def standing_for(name: str, there: Collection[str]) -> str | None:
    """Return which of the packages that are there stands for one; None if none does.

    Args:
        name (str): Normalised.
        there (Collection[str]): Normalised names.
    """
    group = next((group for group in SAME if name in group), (name,))
    return next((other for other in (name, *group) if other in there), None)
