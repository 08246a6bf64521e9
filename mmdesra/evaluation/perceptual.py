"""The perceptual distance by which images are compared with their truths."""
from __future__ import annotations

from collections.abc import Mapping

import torch

from ..detectors import DISTS, LPIPS, BaseDetector, build_detector
from ..errors import InputError

DISTANCES = {kind.__name__: kind for kind in (LPIPS, DISTS)}
NET = 'alex'
"""The net of LPIPS if none is named: the one that its authors recommend for comparing images."""

OF_DETECTION = ('threshold', 'min_area')
"""What these types know as detectors, and what no distance depends on."""


def build_perceptual(config: str | dict | BaseDetector | None) -> BaseDetector | None:
    """Build a perceptual distance: one of the detectors LPIPS and DISTS, for its map.

    Args:
        config (str | dict | BaseDetector, optional): Such as ``dict(type='LPIPS', net='alex',
            backbone_weights='alexnet.pth')``. It runs on CUDA where there is one, unless
            ``device`` says otherwise. None: no perceptual distance.

    Raises:
        InputError: If it is none of the two, or its weights are missing or do not fit.
    """
    if config is None or isinstance(config, (LPIPS, DISTS)):
        return config
    options = dict(config) if isinstance(config, Mapping) else dict(type=config)
    name = str(options.get('type')).rpartition('.')[2]
    if name not in DISTANCES:
        raise InputError(f'expected a perceptual distance, {" or ".join(DISTANCES)}, got '
                         f'{options.get("type")!r}')
    config = dict(options, type=name)
    if name == LPIPS.__name__:
        config.setdefault('net', NET)
    return build_detector(config, device='cuda' if torch.cuda.is_available() else 'cpu')


def describe_perceptual(distance: BaseDetector | None) -> dict | None:
    """Return what decides the distances, with the fingerprint of the weights, for JSON."""
    if distance is None:
        return None
    return {name: value for name, value in distance.describe().items()
            if name not in OF_DETECTION}


def name_perceptual(description: Mapping | None) -> str:
    """Return what people call it: 'LPIPS (alex)', 'DISTS'."""
    if description is None:
        return 'perceptual distance'
    net = description.get('net')
    return f'{description["type"]} ({net})' if net else str(description['type'])
