"""Colours and legends for what became of each region: gone, faded or left."""
from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import torch

from ..ops import label_regions
from ..ops.fading import FADED, FATES, GONE, LEFT
from .checks import check_mask
from .overlay import INNER_COLOR, draw_overlay

FATE_COLORS = {GONE: (0, 158, 115), FADED: (230, 159, 0), LEFT: INNER_COLOR}
"""Green, amber and red in shades that the colour-blind can tell apart."""

FATE_MEANINGS = {
    GONE: 'nothing is detected in the region any more, and half of its excess texture or less '
          'is left',
    FADED: 'nothing is detected in the region any more, but more than half of its excess texture '
           'is left: it may still be seen',
    LEFT: 'an artifact is still detected in the region'}


def masks_of_fates(mask: np.ndarray, fates: Sequence[str]) -> dict[str, np.ndarray]:
    """Split a mask by what became of its regions.

    Args:
        mask: bool (H, W), with N regions.
        fates: One of :data:`mmdesra.ops.fading.FATES` for each region, in the order of
            :func:`mmdesra.ops.label_regions`.

    Returns:
        A mask for each fate that occurs, bool (H, W); their union is ``mask``.

    Raises:
        ValueError: If the mask is not bool (H, W), or has another number of regions.
    """
    check_mask(mask)
    regions = label_regions(torch.from_numpy(mask))
    if len(regions) != len(fates):
        raise ValueError(f'expected what became of each of {len(regions)} regions, got '
                         f'{len(fates)} fates')
    numbers = {fate: [number for number, one in enumerate(fates, 1) if one == fate]
               for fate in FATES}
    labels = regions.labels.numpy()
    return {fate: np.isin(labels, numbers[fate]) for fate in FATES if numbers[fate]}


def draw_fates(image: np.ndarray, masks: dict[str, np.ndarray]) -> np.ndarray:
    """Draw the regions as :func:`draw_overlay` does, each in the colour of its fate.

    Args:
        image: uint8 (H, W, 3), RGB.
        masks: By fate, bool (H, W), see :func:`masks_of_fates`.

    Returns:
        A new uint8 (H, W, 3) array, RGB.
    """
    picture = image.copy()
    for fate, mask in masks.items():
        picture = draw_overlay(picture, mask, FATE_COLORS[fate])
    return picture


def count_fates(fates: Sequence[str]) -> str:
    """Return how many regions have each fate, as text."""
    return ', '.join(f'{fates.count(fate)} {fate}' for fate in FATES if fate in fates)


def fate_legend(fates: Sequence[str]) -> str:
    """Return a <ul> with, for each fate, its colour, its name and the number of regions."""
    rows = ''.join(
        f'<li title="{escape(FATE_MEANINGS[fate])}"><i style="background:rgb{FATE_COLORS[fate]}">'
        f'</i>{fates.count(fate)} {fate}</li>\n' for fate in FATES if fate in fates)
    return f'<ul class="fates">\n{rows}</ul>\n' if rows else ''
