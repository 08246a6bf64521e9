"""Scores as plain figures, for JSON, CSV and tables that people read."""
from __future__ import annotations

import math

from ..ops import Fading, MaskScores, RegionChanges

SCORE_RATES = ('iou', 'artifact_iou', 'precision', 'recall', 'pixel_iou', 'pixel_precision',
               'pixel_recall')
SCORE_COUNTS = ('clean_images', 'clean_right', 'pred_regions', 'pred_right', 'gt_regions',
                'gt_found', 'pred_px', 'gt_px', 'common_px')
CHANGE_RATES = ('removal_rate', 'addition_rate')
CHANGE_COUNTS = ('regions_before', 'regions_after', 'removed', 'added')
FADING_FIGURES = ('gone', 'faded', 'left', 'excess_before', 'excess_after', 'excess_left')

UNKNOWN = '-'


def score_figures(scores: MaskScores) -> dict:
    """Return rates (None where there is no denominator) and counts."""
    return dict({name: known(getattr(scores, name)) for name in SCORE_RATES},
                **{name: getattr(scores, name) for name in SCORE_COUNTS})


def change_figures(changes: RegionChanges) -> dict:
    """Return rates (None where there was no region before) and counts."""
    return dict({name: known(getattr(changes, name)) for name in CHANGE_RATES},
                regions_before=changes.before, regions_after=changes.after,
                removed=changes.removed, added=changes.added)


def fading_figures(fading: Fading) -> dict:
    """Return the regions by their fate, and the excess texture; None where there was none."""
    return {name: known(getattr(fading, name)) for name in FADING_FIGURES}


def known(value: float) -> float | None:
    """Return None for nan, which JSON cannot hold."""
    return None if math.isnan(value) else value


def percent(value: float | None, digits: int = 2) -> str:
    """Return a share as people read it, '51.10%'; '-' for nan and None."""
    return UNKNOWN if value is None or math.isnan(value) else f'{value:.{digits}%}'


def decimal(value: float, digits: int = 4) -> str:
    """Return a figure as people read it, '0.7055'; '-' for nan."""
    return UNKNOWN if math.isnan(value) else f'{value:.{digits}f}'
