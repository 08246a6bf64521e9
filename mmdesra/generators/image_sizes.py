"""Which sizes a network takes, and making images of other sizes fit."""
from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .evaluating import device_of, evaluating
from .failures import describe_failure
from .unfit_networks import cannot_enlarge, refuse_unfit_network

CHANNELS = 3
PROBE_SIDES = (8, 16, 24, 48, 64, 96, 128, 256)
"""Sides of the images on which a network is tried, in pixels, until it takes one.

Whatever the sides must be a multiple of divides one of them: powers of 2, windows of 12.
"""
PATIENCE = 120.
"""Seconds after which a network that has failed so far is tried no more."""
GRID_ATTRIBUTES = ('window_size', 'padder_size')
"""Where networks that pad their input say to a multiple of what (SwinIR, HAT, NAFNet …)."""
LARGEST_GRID = 64
"""In pixels; tiles are extended to the grid, and several windows may have none in common."""


@dataclass(frozen=True)
class ImageSizes:
    """What a network takes and makes.

    Attributes:
        scale (int): Sides of the SR image by those of the LR image.
        multiple (int): Sides of the LR image must be multiples of it.
        minimum (int): They must be at least this long, in pixels.
        grid (int): A multiple of ``multiple``. A crop's SR is the crop of the SR, away from its
            borders, if the crop begins at multiples of it: a network that folds pixels into
            channels, pools, or looks through windows sees other groups of pixels elsewhere.
    """
    scale: int
    multiple: int = 1
    minimum: int = 1
    grid: int = 1

    def padded(self, side: int) -> int:
        """Return the shortest side, at least ``side``, that the network takes."""
        return round_up(max(side, self.minimum), self.multiple)


def round_up(number: int, multiple: int) -> int:
    """Return the least multiple that is not below a number."""
    return -(-number // multiple) * multiple


def pad_image(image: Tensor, height: int, width: int) -> Tensor:
    """Extend images at their right and lower border by their mirror image.

    Where an image is too small for its mirror image to suffice, the rest is the mirror image's
    last row or column. Gradients flow through.

    Args:
        image (Tensor): Shape ``(…, H, W)``, any dtype.
        height (int): At least H.
        width (int): At least W.

    Returns:
        Tensor: Shape ``(…, height, width)``; ``image`` itself if that is its size.
    """
    for dim, side in ((-2, height), (-1, width)):
        if side > image.shape[dim]:
            image = image.index_select(dim, _mirror(image.shape[dim], side, image.device))
    return image


def image_sizes_of(generator: nn.Module) -> ImageSizes:
    """Find out what sizes a network takes: it says so, or is tried on a few small images.

    A network says so by an attribute ``image_sizes``. Trying takes a few forward passes of 8×8
    px, once for each network; neither its weights and modes nor PyTorch's random state change.

    Raises:
        GeneratorError: If it does not make an SR image of an LR image of any size.
    """
    stated = getattr(generator, 'image_sizes', None)
    if isinstance(stated, ImageSizes):
        return stated
    known = getattr(generator, _FOUND, None)
    if known is None:
        refuse_unfit_network(generator)
        known = _Trial(generator).find_sizes()
        setattr(generator, _FOUND, known)  # copies of the network have it, too
    return known


_FOUND = '_mmdesra_image_sizes'


class _OtherSizeError(ValueError):
    """An image that is not enlarged by a whole number."""


class _NoImageError(ValueError):
    """Something else than an SR image, whatever the size."""


class _Trial:
    """Tries a network on images of some sizes."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._name = type(network).__name__
        self._device = device_of(network)

    def find_sizes(self) -> ImageSizes:
        devices = [self._device] if self._device.type == 'cuda' else []
        with evaluating(self._network), torch.random.fork_rng(devices):
            side, scale = self._first_side()
            multiple = self._multiple(side, scale)
            return ImageSizes(scale, multiple, self._minimum(side, scale, multiple),
                              grid_of(self._network, multiple))

    def _first_side(self) -> tuple[int, int]:
        end, reason = time.monotonic() + PATIENCE, ''
        for side in PROBE_SIDES:
            try:
                return side, self._scale_at(side)
            except _NoImageError as error:
                reason = f'it {error}'
                break
            except Exception as error:  # noqa: BLE001  (a network may raise anything)
                reason = reason or f'on an image of {side}x{side} px it {_what_happened(error)}'
            if time.monotonic() > end:
                break
        raise cannot_enlarge(self._name, reason)

    def _multiple(self, side: int, scale: int) -> int:
        """The step between sides that are taken divides a side that is taken."""
        for step in (step for step in range(1, side + 1) if side % step == 0):
            if self._takes(side + step, scale):
                return step
        raise cannot_enlarge(self._name, f'it takes images of {side}x{side} px only')

    def _minimum(self, side: int, scale: int, multiple: int) -> int:
        if self._takes(multiple, scale):
            return multiple
        low, high = 1, side // multiple  # in steps: fails, works
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._takes(middle * multiple, scale) else (middle, high)
        return high * multiple

    def _takes(self, side: int, scale: int) -> bool:
        try:
            return self._scale_at(side) == scale
        except Exception:  # noqa: BLE001  (a network may raise anything)
            return False

    def _scale_at(self, side: int) -> int:
        values = torch.rand((1, CHANNELS, side, side), generator=torch.Generator().manual_seed(0))
        return scale_between(values, self._network(values.to(self._device)))


def scale_between(lq: Tensor, sr: object) -> int:
    """Return by what factor an output is larger than an input, shape ``(N, 3, H, W)``.

    Raises:
        ValueError: If it is no SR image of it.
    """
    if not isinstance(sr, Tensor):
        raise _NoImageError(f'makes a {type(sr).__name__} of an image')
    sizes = f'makes {tuple(sr.shape)} of {tuple(lq.shape)}'
    if sr.ndim != lq.ndim or sr.shape[:2] != lq.shape[:2]:
        raise _NoImageError(f'{sizes}, which is no RGB image')
    scale = sr.shape[-1] // lq.shape[-1]
    if scale < 1 or sr.shape[2:] != tuple(side * scale for side in lq.shape[2:]):
        raise _OtherSizeError(f'{sizes}, which is not enlarged by a whole number')
    return scale


def _what_happened(error: Exception) -> str:
    return (str(error) if isinstance(error, _OtherSizeError)
            else f'fails ({describe_failure(error)})')


def grid_of(network: nn.Module, multiple: int) -> int:
    """Return the :attr:`ImageSizes.grid` of a network, by what its parts say of their windows."""
    grid = math.lcm(multiple, *_stated_grids(network))
    return grid if grid <= LARGEST_GRID else multiple


def _stated_grids(network: nn.Module) -> Iterator[int]:
    for module in network.modules():
        for name in GRID_ATTRIBUTES:
            value = getattr(module, name, None)
            for side in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(side, int) and side > 0:
                    yield side


def _mirror(side: int, wanted: int, device: torch.device) -> Tensor:
    index = torch.arange(wanted, device=device)
    return torch.where(index < side, index, (2 * (side - 1) - index).clamp(min=0))
