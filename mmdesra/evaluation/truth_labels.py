"""What is an artifact by the ground truth: masks of three kinds, cleaned like any mask."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..detectors import AreaLimit, BaseDetector
from ..errors import InputError
from ..ops import MARGIN, by_strips, clean_mask, local_std
from ..ops.truth_masks import (
    DISTANCE_EXCESS,
    EVEN,
    EXCESS,
    even_ground_artifacts,
    perceptual_artifacts,
    strength_artifacts,
)

STRENGTH, EVEN_GROUND, PERCEPTUAL = KINDS = ('strength', 'even_ground', 'perceptual')

PATCH = 33
"""Side of the patches, in px, over which a perceptual distance is averaged."""


@dataclass(frozen=True)
class TruthRules:
    """What decides the masks, given the images.

    Attributes:
        excess (float): Grey levels by which a texture must be stronger than the truth's.
        even (float): Local standard deviation of the truth, in grey levels, below which it counts
            as even ground.
        distance_excess (float): By how much a patch must be farther from the truth than the
            reference, in the distance's unit.
        min_area (AreaLimit | str | float): Regions up to this area are dropped.

    Raises:
        InputError: If a value is out of range.
    """
    excess: float = EXCESS
    even: float = EVEN
    distance_excess: float = DISTANCE_EXCESS
    min_area: AreaLimit | str | float = 300

    def __post_init__(self) -> None:
        for name, expected in (('excess', self.excess >= 0), ('even', self.even > 0),
                               ('distance_excess', self.distance_excess >= 0)):
            if not (expected and np.isfinite(getattr(self, name))):
                raise InputError(f'expected {name.replace("_", " ")} to be a number of at least '
                                 f'0, got {getattr(self, name)}')
        object.__setattr__(self, 'min_area', AreaLimit.parse(self.min_area))

    def describe(self) -> dict:
        """Return the rules as plain values, for manifests."""
        return dict(excess=self.excess, even=self.even, distance_excess=self.distance_excess,
                    min_area=str(self.min_area), patch=PATCH)


def truth_masks(gan: np.ndarray, reference: np.ndarray, truth: np.ndarray, rules: TruthRules,
                distance: BaseDetector | None = None) -> dict[str, np.ndarray]:
    """Find the artifacts of each kind, see :mod:`mmdesra.ops.truth_masks`.

    Args:
        gan (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``, RGB.
        reference (np.ndarray): MSE-SR image, or what stands for it, the same shape.
        truth (np.ndarray): The photograph, the same shape.
        rules (TruthRules): What decides.
        distance (BaseDetector, optional): LPIPS or DISTS; without it there is no perceptual kind.

    Returns:
        dict[str, np.ndarray]: Kind to bool, shape ``(H, W)``.
    """
    std_gan, std_truth, std_reference = map(std_map, (gan, truth, reference))
    strength = strength_artifacts(std_gan, std_truth, std_reference, rules.excess)
    even_ground = even_ground_artifacts(std_gan, std_truth, rules.excess, rules.even)
    found = {STRENGTH: _framed(strength, rules, gan),
             EVEN_GROUND: _framed(even_ground, rules, gan)}
    if distance is not None:
        found[PERCEPTUAL] = _clean(perceptual_artifacts(
            patch_distance(distance, gan, truth), patch_distance(distance, reference, truth),
            rules.distance_excess), rules, gan)
    return found


def std_map(image: np.ndarray) -> Tensor:
    """Return the local standard deviation, the mean over the channels, of an image.

    Args:
        image (np.ndarray): uint8, shape ``(H, W, 3)``.

    Returns:
        Tensor: float32, in grey levels, shape ``(H - 10, W - 10)``: the valid area.
    """
    return torch.from_numpy(by_strips(_std_of, image, image, MARGIN))


def patch_distance(distance: BaseDetector, image: np.ndarray, truth: np.ndarray) -> Tensor:
    """Return a perceptual distance from the truth, averaged over the patch around each pixel.

    Args:
        distance (BaseDetector): LPIPS or DISTS.
        image (np.ndarray): uint8, shape ``(H, W, 3)``, RGB.
        truth (np.ndarray): The same shape.

    Returns:
        Tensor: float32, shape ``(H, W)``.
    """
    tensors = (torch.from_numpy(np.ascontiguousarray(one.transpose(2, 0, 1)))
               for one in (image, truth))
    values = distance.artifact_map(*tensors).float().cpu().numpy()
    return torch.from_numpy(cv2.blur(values, (PATCH, PATCH)))


def _std_of(image: np.ndarray, _: np.ndarray) -> np.ndarray:
    planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    return local_std(planes).mean(dim=0).float().numpy()


def _framed(raw: Tensor, rules: TruthRules, image: np.ndarray) -> np.ndarray:
    """Clean a mask of the valid area, and give it the frame in which nothing is known."""
    return np.pad(_clean(raw, rules, image), MARGIN)


def _clean(raw: Tensor, rules: TruthRules, image: np.ndarray) -> np.ndarray:
    assert isinstance(rules.min_area, AreaLimit)
    return clean_mask(raw, rules.min_area.pixels(*image.shape[:2])).numpy()
