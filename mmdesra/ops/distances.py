"""How far an image is from another, summed over the regions of a mask and over what is outside."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from .psnr import psnr_of
from .regions import Regions
from .statistics import MARGIN, check_size, local_std
from .strips import STRIP_PIXELS, strips_of


@dataclass(frozen=True)
class Distance:
    r"""Sums over pixels of what tells an image :math:`x` from its truth :math:`t`; they add up.

    Each summand is the mean over the channels at a pixel, with :math:`\sigma` as in
    :func:`mmdesra.ops.local_std`. Figures without a pixel are nan.

    Attributes:
        pixels (int): Pixels summed over.
        error_sum (float): Of :math:`|\sigma_x - \sigma_t|`.
        above_sum (float): Of :math:`\max(\sigma_x - \sigma_t, 0)`.
        squared_sum (float): Of :math:`(x - t)^2`.
        perceptual_sum (float): Of a perceptual distance.
        perceptual_pixels (int): The pixels for which that is known: all, or none.
    """
    pixels: int = 0
    error_sum: float = 0.0
    above_sum: float = 0.0
    squared_sum: float = 0.0
    perceptual_sum: float = 0.0
    perceptual_pixels: int = 0

    def __add__(self, other: Distance) -> Distance:
        return Distance(*(a + b for a, b in zip(astuple(self), astuple(other))))

    @property
    def texture_error(self) -> float:
        """Mean difference of the local standard deviations, at least 0, in grey levels of 255."""
        return _ratio(self.error_sum, self.pixels)

    @property
    def texture_above(self) -> float:
        """Mean of what the image has more of it than the truth, in [0, :attr:`texture_error`]."""
        return _ratio(self.above_sum, self.pixels)

    @property
    def psnr(self) -> float:
        """PSNR over these pixels as if they were one image, in dB; inf where all are equal."""
        return psnr_of(_ratio(self.squared_sum, self.pixels))

    @property
    def perceptual(self) -> float:
        """Mean of the perceptual distance, in its own unit; nan where it was not measured."""
        return _ratio(self.perceptual_sum, self.perceptual_pixels)


def measure_distances(image: Tensor, truth: Tensor, regions: Regions,
                      perceptual: Tensor | None = None,
                      strip_pixels: int = STRIP_PIXELS) -> list[Distance]:
    """Sum up how far an image is from its truth, in each region and outside of all.

    Memory beyond the arguments is bounded: the statistics are made strip by strip. Only the
    valid area counts (5 px less on each side), everywhere and for every figure: there alone the
    local standard deviation exists.

    Args:
        image (Tensor): Shape ``(C, H, W)``, values in [0, 255], any real dtype.
        truth (Tensor): The same shape.
        regions (Regions): Of a mask of shape ``(H, W)``.
        perceptual (Tensor, optional): Map of a perceptual distance, shape ``(H, W)``.
        strip_pixels (int): About how many pixels a strip has.

    Returns:
        list[Distance]: That outside all regions, then that of regions 1 to N. A region that lies
        in the frame of 5 px altogether has no pixel.

    Raises:
        ValueError: If the sizes differ, or a side is shorter than 11 px.
    """
    size = tuple(image.shape[-2:])
    for name, other in dict(truth=truth, regions=regions.labels, perceptual=perceptual).items():
        if other is not None and tuple(other.shape[-2:]) != size:
            raise ValueError(f'expected {name} of the size of the image, {size}, got '
                             f'{tuple(other.shape[-2:])}')
    check_size(image)
    places = len(regions) + 1
    sums = torch.zeros(5, places, dtype=torch.float64)
    for rows in strips_of(size, MARGIN, strip_pixels):
        inside = slice(rows.start + MARGIN, rows.stop - MARGIN), slice(MARGIN, size[1] - MARGIN)
        values = _summands(image[:, rows], truth[:, rows])
        values.append(torch.zeros_like(values[0]) if perceptual is None
                      else perceptual[inside].double().cpu())
        labels = regions.labels[inside].flatten().long()
        sums += torch.stack([torch.bincount(labels, summand.flatten(), minlength=places)
                             for summand in (torch.ones_like(values[0]), *values)])
    return [Distance(int(pixels), error, above, squared, distance,
                     0 if perceptual is None else int(pixels))
            for pixels, error, above, squared, distance in sums.T.tolist()]


def add_up(distances: Sequence[Distance]) -> Distance:
    """Return the sums over several places or images."""
    return sum(distances, Distance())


def _summands(image: Tensor, truth: Tensor) -> list[Tensor]:
    """Of a strip: texture error, texture above, squared error, each of shape ``(h, w)``."""
    difference = local_std(image).sub_(local_std(truth)).cpu()
    inside = ..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN)
    squared = (image[inside].double() - truth[inside].double()).square_().cpu()
    return [difference.abs().mean(dim=0), difference.clamp_(min=0).mean(dim=0),
            squared.mean(dim=0)]


def _ratio(numerator: float, denominator: int) -> float:
    return numerator / denominator if denominator else float('nan')
