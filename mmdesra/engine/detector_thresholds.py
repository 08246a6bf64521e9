"""The threshold of a calibrated detector, and its figures on photographs held out."""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..detectors import AreaLimit
from ..detectors.calibrated_file import round_threshold
from ..evaluation.truth_labels import TruthRules
from ..models.artifact_net import STRIDE
from ..ops import MaskScores, clean_mask, score_mask
from ..ops.ranking import RankedPixels
from .detector_samples import KINDS, CalibrationSample

THRESHOLDS = tuple(float(f'{value:.3g}') for value in
                   1 / (1 + np.exp(-np.linspace(-4, 3.5, 16))))
"""Tried; evenly spread in the logit, from 0.018 to 0.97."""

EDGES = 1 / (1 + np.exp(-np.linspace(-12, 8, 2000)))
DIFFERENCE_EDGES = np.linspace(0, 1, 2000)
"""Of the rankings by probability and by D."""

DIFFERENCE_THRESHOLD = 0.7
FALLBACK = 0.5


def judge_held_out(network: nn.Module, samples: Sequence[CalibrationSample], rules: TruthRules,
                   precision: float) -> tuple[tuple[float, ...], dict]:
    """Choose the thresholds, and say how well they and the map do.

    The lowest threshold from which on, upwards, the regions found are right often enough; where
    there is none, the one with the highest pixel IoU, which the figures then say.

    Args:
        network (nn.Module): The calibrated network.
        samples (Sequence[CalibrationSample]): Held out, with masks.
        rules (TruthRules): With the smallest region.
        precision (float): Region precision to reach.

    Returns:
        tuple: A threshold for each kind, and the figures of each: average precision of the
        network and of D, precision and recall of regions, the same for D below 0.7.
    """
    maps = [probabilities(network, sample) for sample in samples]
    thresholds, figures = [], {}
    for place, kind in enumerate(KINDS):
        masks = [sample.masks[kind] for sample in samples]
        found = {threshold: _score([one[place] > threshold for one in maps], masks, rules)
                 for threshold in THRESHOLDS}
        threshold, reaches = choose_threshold(found, precision)
        thresholds.append(round_threshold(threshold))
        figures[kind] = dict(
            threshold=threshold, reaches_precision=reaches,
            average_precision=_known(_rank([one[place] for one in maps], masks, EDGES)),
            **_figures(found[threshold]),
            D=dict(average_precision=_known(_rank(
                [_difference_of(sample) for sample in samples], masks, DIFFERENCE_EDGES, True)),
                **_figures(_score([_difference_of(sample) < DIFFERENCE_THRESHOLD
                                   for sample in samples], masks, rules))))
    return tuple(thresholds), figures


def choose_threshold(found: dict[float, MaskScores], precision: float) -> tuple[float, bool]:
    """Choose a threshold from the scores of some.

    Args:
        found (dict[float, MaskScores]): Threshold to scores.
        precision (float): Region precision to reach.

    Returns:
        tuple[float, bool]: The threshold, and whether it reaches the precision.
    """
    best = None
    for threshold in sorted(found, reverse=True):
        scores = found[threshold]
        if scores.pred_regions and scores.precision < precision:
            break
        if scores.pred_right:
            best = threshold
    if best is not None:
        return best, True
    ious = {threshold: scores.pixel_iou for threshold, scores in found.items()
            if scores.common_px}
    return (max(ious, key=lambda threshold: ious[threshold]) if ious else
            min(found, key=lambda threshold: abs(threshold - FALLBACK))), False


@torch.no_grad()
def probabilities(network: nn.Module, sample: CalibrationSample) -> np.ndarray:
    """Return the map of each kind, float32, shape ``(kinds, H, W)``."""
    planes = sample.planes[None].float().contiguous(memory_format=torch.channels_last)
    logits = network(planes)[:, :len(KINDS)]
    full = torch.sigmoid(F.interpolate(logits, scale_factor=STRIDE, mode='bilinear')[0]).numpy()
    height, width = sample.masks[KINDS[0]].shape
    return full[:, :height, :width]


def _difference_of(sample: CalibrationSample) -> np.ndarray:
    assert sample.difference is not None  # samples held out have it
    return sample.difference


def _score(raw: Sequence[np.ndarray], masks: Sequence[np.ndarray],
           rules: TruthRules) -> MaskScores:
    assert isinstance(rules.min_area, AreaLimit)
    total = MaskScores()
    for one, mask in zip(raw, masks):
        cleaned = clean_mask(torch.from_numpy(one), rules.min_area.pixels(*mask.shape))
        total += score_mask(cleaned, torch.from_numpy(mask))
    return total


def _rank(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray], edges: np.ndarray,
          low_is_artifact: bool = False) -> float:
    first, *others = (RankedPixels.count(one, mask, edges, low_is_artifact)
                      for one, mask in zip(maps, masks))
    return sum(others, first).average_precision


def _figures(scores: MaskScores) -> dict:
    return dict(precision=_known(scores.precision), recall=_known(scores.recall),
                regions=scores.gt_regions, detected=scores.pred_regions)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
