"""Measuring the textures of real artifacts: what the built ones are made after."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..files import ImageError, ImageFolder, image_name, read_mask, shown_name, size_of
from ..generators import PairSource
from ..ops.texture_measures import TextureMeasures, measure_texture

logger = logging.getLogger('mmdesra')

WINDOW = 32
"""Side of the measured windows in px: ten periods of a typical artifact."""


def survey_artifacts(source: PairSource, mask_dir: str | Path | None = None
                     ) -> tuple[list[TextureMeasures], dict[str, str]]:
    """Measure GAN-SR minus MSE-SR, in windows of 32×32 px that overlap by half.

    Args:
        source (PairSource): The pairs.
        mask_dir (str | Path, optional): Masks (0/255), named as the pairs: only windows wholly
            inside artifacts are measured. None: every window.

    Returns:
        tuple: The measures of all windows that are not constant; and for each pair that cannot
        be used, why.
    """
    masks = None if mask_dir is None else ImageFolder.checked(mask_dir)
    measures: list[TextureMeasures] = []
    skipped: dict[str, str] = {}
    for path in tqdm(source.paths, 'measure', unit='image'):
        try:
            residual, mask = _load(source, path, masks)
        except ImageError as error:
            logger.warning('skipped: %s', error)
            skipped[shown_name(path)] = str(error)
            continue
        windows = (measure_texture(residual[place]) for place in _windows_inside(mask))
        measures += [window for window in windows if np.isfinite(astuple(window)).all()]
    return measures, skipped


def quantiles_of(measures: Sequence[TextureMeasures], shares: Sequence[float]
                 ) -> dict[str, list[float]]:
    """Return, for each figure, its values at these shares of the windows (0.5 = the median)."""
    table = np.array([astuple(measure) for measure in measures])
    return {column.name: np.quantile(table[:, number], shares).tolist()
            for number, column in enumerate(fields(TextureMeasures))}


def _load(source: PairSource, path: Path, masks: ImageFolder | None
          ) -> tuple[np.ndarray, np.ndarray]:
    pair = source.load(path)
    if pair.gan.shape != pair.mse.shape:
        raise ImageError(f'{path}: expected images of one size, got {size_of(pair.gan)} (GAN-SR) '
                         f'and {size_of(pair.mse)} (MSE-SR)')
    residual = pair.gan.astype(np.float64) - pair.mse
    if masks is None:
        return residual, np.ones(residual.shape[:2], bool)
    mask = read_mask(masks.find(image_name(path)))
    if mask.shape != residual.shape[:2]:
        raise ImageError(f'{path}: expected a mask of {size_of(residual)}, got {size_of(mask)}')
    return residual, mask


def _windows_inside(mask: np.ndarray) -> list[tuple[slice, slice]]:
    places = ((slice(row, row + WINDOW), slice(column, column + WINDOW))
              for row in range(0, mask.shape[0] - WINDOW + 1, WINDOW // 2)
              for column in range(0, mask.shape[1] - WINDOW + 1, WINDOW // 2))
    return [place for place in places if mask[place].all()]
