"""What every detector is: a (GAN-SR, MSE-SR) pair in, an artifact map and a mask out."""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.registry import Registry
from torch import Tensor

from ..files import size_of
from ..ops import MARGIN, WINDOW_SIZE, Regions, clean_mask, label_regions
from .area import AreaLimit

DETECTORS = Registry('artifact detector', scope='mmdesra', locations=['mmdesra.detectors'])


@dataclass(frozen=True)
class Detection:
    """The artifacts of one image, in the image's own frame.

    Attributes:
        map (np.ndarray): float32, shape ``(H, W)``, in [0, 1]: 1 = same texture as the MSE-SR
            image, towards 0 = artifact; 1 in the frame of 5 px where nothing is known.
        mask (np.ndarray): bool, shape ``(H, W)``: True inside artifact regions.
    """
    map: np.ndarray
    mask: np.ndarray

    @property
    def regions(self) -> Regions:
        """Regions: the 8-connected regions of the mask, with their areas."""
        return label_regions(torch.from_numpy(self.mask))

    @property
    def area(self) -> int:
        """int: Artifact pixels."""
        return int(self.mask.sum())


def build_detector(config: dict | str | BaseDetector) -> BaseDetector:
    """Build a detector from its registered name, a config dict, or return it as it is."""
    if isinstance(config, BaseDetector):
        return config
    config = dict(type=config) if isinstance(config, str) else dict(config)
    # The scope is named because a runner's default scope (mmagic) has no registry of detectors.
    return DETECTORS.build(dict(config, _scope_='mmdesra'))


class BaseDetector(ABC):
    """A detector: subclasses say how much each pixel looks like an artifact.

    Args:
        min_area (float | str): Regions up to this area are dropped: pixels (``4000``, the
            released value, meant for images of about one megapixel) or a share of the image
            (``'0.4%'``).
    """

    margin = MARGIN
    """Pixels on each side for which :meth:`artifact_map` knows nothing."""

    def __init__(self, min_area: float | str = 4000) -> None:
        self.min_area = AreaLimit.parse(min_area)

    @abstractmethod
    def artifact_map(self, gan: Tensor, mse: Tensor, labels: Tensor | None) -> Tensor:
        """Score the valid area.

        Args:
            gan (Tensor): GAN-SR image, uint8, shape ``(3, H, W)``, RGB.
            mse (Tensor): MSE-SR image, the same shape.
            labels (Tensor, optional): Label map, integers, shape ``(H, W)``.

        Returns:
            Tensor: Shape ``(H - 2 · margin, W - 2 · margin)``, in [0, 1], low = artifact.
        """

    @abstractmethod
    def is_artifact(self, artifact_map: Tensor) -> Tensor:
        """Threshold a map: bool, the same shape."""

    def describe(self) -> dict:
        """Return what decides the masks, for manifests: two equal dicts, equal masks."""
        return dict(type=type(self).__name__, min_area=str(self.min_area))

    def detect(self, gan: np.ndarray, mse: np.ndarray,
               labels: np.ndarray | None = None) -> Detection:
        """Find the artifacts of a GAN-SR image.

        Args:
            gan (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``, RGB.
            mse (np.ndarray): MSE-SR image of the same LR image, the same shape.
            labels (np.ndarray, optional): Label map of the GAN-SR image, integers, shape
                ``(H, W)``; None switches the semantic step off.

        Returns:
            Detection: Map and mask of shape ``(H, W)``.

        Raises:
            ValueError: If sizes differ, the images are not uint8, the labels are no integers,
                or the image is smaller than the 11×11 window.
        """
        _check_pair(gan, mse, labels)
        height, width = gan.shape[:2]
        gan_tensor, mse_tensor = (torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
                                  for image in (gan, mse))
        label_tensor = None if labels is None else torch.from_numpy(labels.astype(np.int64))
        valid_map = self.artifact_map(gan_tensor, mse_tensor, label_tensor)
        valid_mask = clean_mask(self.is_artifact(valid_map), self.min_area.pixels(height, width))
        # The one place where the valid area is put back into the image's frame.
        return Detection(
            map=np.pad(valid_map.cpu().numpy().astype(np.float32), self.margin, constant_values=1),
            mask=np.pad(valid_mask.cpu().numpy(), self.margin))


def _check_pair(gan: np.ndarray, mse: np.ndarray, labels: np.ndarray | None) -> None:
    for name, image in (('GAN-SR', gan), ('MSE-SR', mse)):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f'expected a {name} image of shape (H, W, 3) and dtype uint8, '
                             f'got {image.shape} {image.dtype}')
    if gan.shape != mse.shape:
        raise ValueError('expected GAN-SR and MSE-SR images of one size, got '
                         f'{size_of(gan)} (GAN-SR) and {size_of(mse)} (MSE-SR)')
    if min(gan.shape[:2]) < WINDOW_SIZE:
        raise ValueError(f'expected an image of at least {WINDOW_SIZE}x{WINDOW_SIZE} px '
                         f'(the window of the local statistics), got {size_of(gan)}')
    if labels is not None and (labels.shape != gan.shape[:2] or labels.dtype.kind not in 'iu'):
        raise ValueError("expected a label map of integers, of the image's size "
                         f'{size_of(gan)}, got shape {labels.shape} and dtype {labels.dtype}')
