"""What every detector is: a (GAN-SR, MSE-SR) pair in, an artifact map and a mask out."""
from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, Union

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..files import size_of
from ..ops import MARGIN, WINDOW_SIZE, Regions, by_strips, label_regions
from ..ops.masks import clean_strips
from ..ops.strips import STRIP_PIXELS, strips_of
from .area import BY_SIZE, AreaLimit

Labels = Union[np.ndarray, Callable[[], np.ndarray], None]
"""A label map, a function that makes it when it is needed, or None: no semantic step."""

Array = TypeVar('Array', np.ndarray, Tensor, Union[np.ndarray, Tensor])


@dataclass(frozen=True)
class Detection:
    """The artifacts of one image, in the image's own frame.

    Attributes:
        map (np.ndarray): float32, shape ``(H, W)``, in the detector's own unit (DeSRA: D in
            [0, 1], low = artifact). In the frame of ``margin`` px, which no window covers, it has
            the value of an image without artifacts.
        mask (np.ndarray): bool, shape ``(H, W)``: True inside artifact regions.
        largest_dropped (int): Area of the largest region that is not in the mask because it is
            not above the detector's ``min_area``, in px; 0 if there is none.
    """
    map: np.ndarray
    mask: np.ndarray
    largest_dropped: int = 0

    @property
    def regions(self) -> Regions:
        """Regions: the 8-connected regions of the mask, with their areas."""
        return label_regions(torch.from_numpy(self.mask))

    @property
    def area(self) -> int:
        """int: Artifact pixels."""
        return int(self.mask.sum())


class BaseDetector(ABC):
    """A detector: subclasses say how much each pixel looks like an artifact.

    Args:
        threshold (float): In the unit of the map: artifact where the map is below it, or above
            it, as :attr:`low_is_artifact` says.
        min_area (float | str): Regions up to this area are dropped: pixels (``4000``, the
            released value, meant for images of about one megapixel), a share of the image
            (``'0.4%'``), or ``'auto'``, by the image's size: as large a share as the released
            value is of one megapixel, see :meth:`AreaLimit.by_size`.

    Raises:
        InputError: If the threshold or the area is no such number.
    """

    margin = MARGIN
    """Width in px of the frame along each side that :meth:`artifact_map` does not cover."""

    min_size = WINDOW_SIZE
    """The shortest side of an image that :meth:`artifact_map` can take, in px."""

    is_local = False
    """Whether a pixel of the map depends on its neighbourhood alone (``margin`` px). Such a map is
    made strip by strip, so that memory stays bounded."""

    strip_pixels = STRIP_PIXELS
    """Approximate number of pixels in a strip."""

    low_is_artifact = True
    """Whether a low value of the map means an artifact, or a high one."""

    map_range: tuple[float, float] = (0., 1.)
    """The values of the map between which it is drawn and saved; those outside are clipped."""

    uses_mse = True
    """Whether the detector looks at the MSE-SR image; if not, any image of its size will do."""

    uses_labels = False
    """Whether a label map changes the result, see :meth:`adjusted_map`."""

    weights_files: Mapping[str, str | Path | None] = {}
    """The files of weights that it was made with, by what each is for."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """tuple[str] | None: What the values of a label map mean, if :attr:`uses_labels`.

        None: they are taken as they come.
        """
        return None

    def __init__(self, threshold: float, min_area: float | str | AreaLimit = BY_SIZE) -> None:
        if not np.isfinite(threshold):
            raise InputError(f'expected a finite threshold, got {threshold}')
        self.threshold = threshold
        self.min_area = AreaLimit.parse(min_area)

    @abstractmethod
    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        """Score the valid area.

        Args:
            gan (Tensor): GAN-SR image, uint8, shape ``(3, H, W)``, RGB.
            mse (Tensor): MSE-SR image, the same shape.

        Returns:
            Tensor: Real, finite, shape ``(H - 2 · margin, W - 2 · margin)``.
        """

    def adjusted_map(self, artifact_map: Tensor, labels: Tensor) -> Tensor:
        """Take a label map into account, if :attr:`uses_labels`.

        Args:
            artifact_map (Tensor): float32, shape ``(H - 2 · margin, W - 2 · margin)``.
            labels (Tensor): int64, the same shape.

        Returns:
            Tensor: Real, the same shape.
        """
        return artifact_map

    def wants_labels(self, detection: Detection) -> bool:
        """Tell whether some label map could change the mask of this image.

        The segmenter is by far the slowest part, and runs only where the answer is yes. The masks
        are the same, bit for bit, as if it always ran. By default every mask of a detector with
        :attr:`uses_labels` may change; a subclass may know better.
        """
        return self.uses_labels

    def describe(self) -> dict:
        """Return the settings that decide the masks, for manifests; equal dicts, equal masks."""
        return dict(type=type(self).__name__, threshold=self.threshold,
                    min_area=str(self.min_area))

    def detect(self, gan: np.ndarray, mse: np.ndarray, labels: Labels = None) -> Detection:
        """Find the artifacts of a GAN-SR image.

        Args:
            gan (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``, RGB.
            mse (np.ndarray): MSE-SR image of the same LR image, the same shape.
            labels (np.ndarray | Callable, optional): Label map of the GAN-SR image, integers,
                shape ``(H, W)``, or a function that returns it, which is called only if it can
                change the mask (where it cannot, the map is that without the semantic step).
                None switches the semantic step off.

        Returns:
            Detection: Map and mask of shape ``(H, W)``.

        Raises:
            ValueError: If sizes differ, the images are not uint8, the labels are no integers,
                the image is smaller than the detector's window, or the map is none.
        """
        detection = self.detect_unlabelled(gan, mse)
        if callable(labels):
            labels = labels() if self.wants_labels(detection) else None
        return detection if labels is None else self.adjust(detection, labels)

    def detect_unlabelled(self, gan: np.ndarray, mse: np.ndarray) -> Detection:
        """Find the artifacts as :meth:`detect` does, without the semantic step.

        Args:
            gan (np.ndarray): GAN-SR image, uint8, shape ``(H, W, 3)``, RGB.
            mse (np.ndarray): MSE-SR image, the same shape.
        """
        self._check_pair(gan, mse)
        full_map = np.full(gan.shape[:2], self._clean_value)
        valid_map = self.valid_area(full_map)
        if self.is_local:
            by_strips(self._map_of, gan, mse, self.margin, self.strip_pixels, out=valid_map)
        else:
            valid_map[...] = self._map_of(gan, mse)
        return self._detection_of(full_map)

    def find_mask(self, gan: np.ndarray, mse: np.ndarray) -> np.ndarray:
        """Find the same mask as :meth:`detect_unlabelled`, but do not keep the map.

        A local detector (:attr:`is_local`) then needs bounded memory beside the images and the
        mask, however large they are.

        Returns:
            np.ndarray: bool, shape ``(H, W)``: True inside artifact regions.

        Raises:
            ValueError: As :meth:`detect`.
        """
        if not self.is_local:
            return self.detect_unlabelled(gan, mse).mask
        self._check_pair(gan, mse)
        mask = np.zeros(gan.shape[:2], bool)
        height, width = gan.shape[:2]
        clean_strips(self._raw_strips(gan, mse), self.min_area.pixels(height, width),
                     self.valid_area(mask))
        return mask

    def adjust(self, detection: Detection, labels: np.ndarray) -> Detection:
        """Take a label map into account: the semantic step of :meth:`detect`.

        Args:
            detection (Detection): From :meth:`detect_unlabelled`.
            labels (np.ndarray): Label map of the GAN-SR image, integers, shape ``(H, W)``.

        Returns:
            Detection: With the adjusted map.

        Raises:
            ValueError: If the label map has another size or a class that is unknown.
        """
        _check_labels(labels, detection.map)
        valid_map, valid_labels = (torch.from_numpy(np.ascontiguousarray(self.valid_area(full)))
                                   for full in (detection.map, labels.astype(np.int64)))
        full_map = np.full_like(detection.map, self._clean_value)
        adjusted = self.adjusted_map(valid_map, valid_labels)
        self.valid_area(full_map)[...] = adjusted.to('cpu', torch.float32).numpy()
        return self._detection_of(full_map)

    def mask_at(self, full_map: np.ndarray, threshold: float) -> np.ndarray:
        """Return the mask that another threshold gives for the map of a :class:`Detection`.

        Args:
            full_map (np.ndarray): float32, shape ``(H, W)``.
            threshold (float): As in the constructor.

        Returns:
            np.ndarray: bool, shape ``(H, W)``, cleaned.
        """
        return self._clean(full_map, threshold)[0]

    def valid_area(self, full: np.ndarray) -> np.ndarray:
        """Crop an array of the image's size to the area that the map covers.

        Args:
            full (np.ndarray): Shape ``(H, W)``.

        Returns:
            np.ndarray: A view, shape ``(H - 2 · margin, W - 2 · margin)``.
        """
        height, width = full.shape
        return full[self.margin:height - self.margin, self.margin:width - self.margin]

    @property
    def _clean_value(self) -> np.float32:
        """np.float32: The value that a map has where there is surely no artifact."""
        return np.float32(self.map_range[1 if self.low_is_artifact else 0])

    def _detection_of(self, full_map: np.ndarray) -> Detection:
        return Detection(full_map, *self._clean(full_map, self.threshold))

    def _clean(self, full_map: np.ndarray, threshold: float) -> tuple[np.ndarray, int]:
        valid, mask = self.valid_area(full_map), np.zeros(full_map.shape, bool)
        raw = (self._is_artifact(valid[rows], threshold) for rows in strips_of(valid.shape))
        height, width = full_map.shape
        largest_dropped = clean_strips(raw, self.min_area.pixels(height, width),
                                       self.valid_area(mask))
        return mask, largest_dropped

    def _is_artifact(self, valid_map: Array, threshold: float) -> Array:
        return valid_map < threshold if self.low_is_artifact else valid_map > threshold

    def _raw_strips(self, gan: np.ndarray, mse: np.ndarray) -> Iterator[np.ndarray]:
        for rows in strips_of(gan.shape[:2], self.margin, self.strip_pixels):
            # Compared on the device that has the map: a mask is a quarter of the bytes to copy.
            raw = self._is_artifact(_cheapest(self._score(gan[rows], mse[rows])), self.threshold)
            yield raw.cpu().numpy() if isinstance(raw, Tensor) else raw

    def _map_of(self, gan: np.ndarray, mse: np.ndarray) -> np.ndarray:
        return self._score(gan, mse).cpu().numpy()

    def _score(self, gan: np.ndarray, mse: np.ndarray) -> Tensor:
        """Return the map of the valid area, float32, on the device that it is made on."""
        # Views where possible; a tensor can neither be read-only nor have negative strides.
        tensors = (torch.from_numpy(np.require(image, requirements=['C', 'W'])).permute(2, 0, 1)
                   for image in (gan, mse))
        valid_map = self.artifact_map(*tensors).float()
        self._check_map(valid_map, gan)
        return valid_map

    def _check_map(self, valid_map: Tensor, image: np.ndarray) -> None:
        expected = tuple(side - 2 * self.margin for side in image.shape[:2])
        if tuple(valid_map.shape) != expected or not _is_finite(valid_map):
            found = ('values that are not finite' if tuple(valid_map.shape) == expected
                     else f'shape {tuple(valid_map.shape)}')
            raise ValueError(f'expected {type(self).__name__} to give a finite map of shape '
                             f'{expected} (its margin is {self.margin} px), got {found}')

    def _check_pair(self, gan: np.ndarray, mse: np.ndarray) -> None:
        for name, image in (('GAN-SR', gan), ('MSE-SR', mse)):
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ValueError(f'expected a {name} image of shape (H, W, 3) and dtype uint8, '
                                 f'got {image.shape} {image.dtype}')
        if gan.shape != mse.shape:
            raise ValueError('expected GAN-SR and MSE-SR images of one size, got '
                             f'{size_of(gan)} (GAN-SR) and {size_of(mse)} (MSE-SR)')
        if min(gan.shape[:2]) < self.min_size:
            raise ValueError(f'expected an image of at least {self.min_size}x{self.min_size} px '
                             f'(the window of {type(self).__name__}), got {size_of(gan)}')


def _cheapest(values: Tensor) -> np.ndarray | Tensor:
    """Return a NumPy view of a CPU tensor: PyTorch's threads slow such small work down."""
    return values.numpy() if values.device.type == 'cpu' else values


def _is_finite(values: Tensor) -> bool:
    # A single NaN or infinity makes the sum NaN or infinite, and a float64 sum of float32 values
    # cannot overflow. One sum is faster than a test of each value.
    if values.device.type == 'cpu':
        return math.isfinite(values.numpy().sum(dtype=np.float64))
    return math.isfinite(values.sum(dtype=torch.float64))


def _check_labels(labels: np.ndarray, image: np.ndarray) -> None:
    if labels.shape != image.shape or labels.dtype.kind not in 'iu':
        raise ValueError("expected a label map of integers, of the image's size "
                         f'{size_of(image)}, got shape {labels.shape} and dtype {labels.dtype}')
