"""Comparing an image with its truth, and with its reference."""
from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor

from ..detectors import BaseDetector
from ..errors import InputError
from ..files import size_of
from ..ops import Distance, Regions, label_regions, measure_distances
from .perceptual import describe_perceptual
from .tensors import to_tensor

logger = logging.getLogger('mmdesra')


class Judge:
    """Measures how far images are from their truths, by place.

    Args:
        perceptual (BaseDetector, optional): The perceptual distance, see
            :func:`mmdesra.evaluation.perceptual.build_perceptual`.
    """

    def __init__(self, perceptual: BaseDetector | None = None) -> None:
        self.perceptual = perceptual

    def describe(self) -> dict | None:
        """Return the settings of the perceptual distance; None without one."""
        return describe_perceptual(self.perceptual)

    def distances(self, image: np.ndarray, truth: np.ndarray, regions: Regions
                  ) -> list[Distance]:
        """Compare an image with its truth.

        Args:
            image (np.ndarray): uint8, shape ``(H, W, 3)``, RGB.
            truth (np.ndarray): The same shape.
            regions (Regions): Of a mask of shape ``(H, W)``.

        Returns:
            list[Distance]: Outside all regions, then in each of them. Without a perceptual
            distance where there is none, or where the image is too small for it, which is said.

        Raises:
            InputError: If the perceptual distance is not finite.
            ValueError: If the sizes differ, or a side is shorter than 11 px.
        """
        first, second = to_tensor(image), to_tensor(truth)
        return measure_distances(first, second, regions, self._map(first, second))

    def _map(self, image: Tensor, truth: Tensor) -> Tensor | None:
        if self.perceptual is None:
            return None
        name = type(self.perceptual).__name__
        if min(image.shape[-2:]) < self.perceptual.min_size:
            logger.warning('no %s to the truth: expected an image of at least %dx%d px, got %s',
                           name, *[self.perceptual.min_size] * 2, size_of(image[0].numpy()))
            return None
        distances = self.perceptual.artifact_map(image, truth)
        if not distances.isfinite().all():
            raise InputError(f'{name}: expected finite distances, got NaN or infinity; are its '
                             'weights damaged?')
        return distances


def find_regions(mask: np.ndarray) -> Regions:
    """Return the 8-connected regions of a mask, bool, shape ``(H, W)``."""
    return label_regions(torch.from_numpy(mask))


def region_excess(image: np.ndarray, reference: np.ndarray, regions: Regions) -> list[float]:
    """Return the excess texture of an image over its reference in each region.

    See :class:`mmdesra.ops.fading.Fading`.

    Args:
        image (np.ndarray): uint8, shape ``(H, W, 3)``.
        reference (np.ndarray): The MSE-SR image, the same shape.
        regions (Regions): N regions of a mask of shape ``(H, W)``.

    Returns:
        list[float]: Of N values, each at least 0.
    """
    if not len(regions):
        return []
    distances = measure_distances(to_tensor(image), to_tensor(reference), regions)
    return [distance.above_sum for distance in distances[1:]]
