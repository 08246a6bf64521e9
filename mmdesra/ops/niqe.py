"""Natural scene statistics of image patches, the features of NIQE.

Reference: Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality Analyzer",
IEEE Signal Processing Letters 2013. Equation numbers are those of this paper.
"""
from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import gammaln
from torch import Tensor

PATCH_SIZE = 96
"""Side of the patches, in px, from which the published pristine model was fitted."""

NUM_FEATURES = 36
"""18 at each of two scales."""

NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""The (rows, columns) along which neighbouring coefficients are multiplied."""

WINDOW_SIZE = 7
WINDOW_SIGMA = 7 / 6

STRIP_MARGIN = 16
"""Rows around a strip of patches: what its coefficients depend on at both scales."""

FLAT = 1e-12
"""A patch whose normalised coefficients have less energy holds nothing but rounding."""

_SHAPES = np.arange(200, 10001) / 1000
_RATIOS = np.exp(2 * gammaln(2 / _SHAPES) - gammaln(1 / _SHAPES) - gammaln(3 / _SHAPES))
"""Of these shapes; they rise."""


def luma(image: Tensor) -> Tensor:
    """Return the rounded grey image of RGB (ITU-R BT.601), as the paper's programs use it.

    Args:
        image (Tensor): Shape ``(3, H, W)``, values in [0, 255].

    Returns:
        Tensor: float64, whole numbers in [0, 255], shape ``(H, W)``.
    """
    red, green, blue = (channel.double() for channel in image)
    return (red * 0.299).add_(green, alpha=0.587).add_(blue, alpha=0.114).round_()


def normalised_coefficients(grey: np.ndarray) -> np.ndarray:
    r"""Mean-subtracted, contrast-normalised coefficients (eq. 1-3).

    :math:`(I - \mu) / (\sigma + 1)` with a 7×7 Gaussian window; the border is replicated.

    Args:
        grey (np.ndarray): float64, shape ``(H, W)``, values in [0, 255].

    Returns:
        np.ndarray: float64, shape ``(H, W)``.
    """
    def mean(plane: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(plane, (WINDOW_SIZE, WINDOW_SIZE), WINDOW_SIGMA,
                                borderType=cv2.BORDER_REPLICATE)

    mu = mean(grey)
    sigma = np.sqrt(np.abs(mean(grey * grey) - mu * mu))
    return (grey - mu) / (sigma + 1)


def patch_features(grey: Tensor, tops: list[int], lefts: list[int]) -> Tensor:
    """NIQE's 36 features of patches of an image.

    For the coefficients of a patch, and for their products with each of four neighbours, the
    parameters of an asymmetric generalised Gaussian (eq. 4-8); at full and at half size.

    Args:
        grey (Tensor): float64, shape ``(H, W)``, values in [0, 255].
        tops (list[int]): M even rows where patches begin.
        lefts (list[int]): N even columns where patches begin.

    Returns:
        Tensor: float64, shape ``(M, N, 36)``; NaN where a patch is flat.

    Raises:
        ValueError: If a patch does not lie inside the image, or begins at an odd pixel.
    """
    height, width = grey.shape
    for begins, side in ((tops, height), (lefts, width)):
        if any(begin % 2 or not 0 <= begin <= side - PATCH_SIZE for begin in begins):
            raise ValueError(f'expected patches of {PATCH_SIZE}x{PATCH_SIZE} px that begin at '
                             f'even pixels inside {width}x{height} px, got {begins}')
    # A strip at a time, so that the memory does not grow with the image's height.
    return torch.stack([_features_of_strip(grey, top, lefts) for top in tops])


def distances(features: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    r"""Distance of each patch from a multivariate Gaussian model.

    Eq. 10, :math:`\sqrt{(\nu_1 - \nu_2)^T (\frac{\Sigma_1 + \Sigma_2}{2})^{-1} (\nu_1 - \nu_2)}`,
    for one patch, which has a mean but no covariance of its own: :math:`\Sigma_2 = \Sigma_1`.

    Args:
        features (Tensor): float64, shape ``(..., 36)``.
        mean (Tensor): float64, shape ``(36,)``.
        covariance (Tensor): float64, shape ``(36, 36)``.

    Returns:
        Tensor: float64, at least 0, shape ``(...)``; 0 for features with a NaN: a flat patch
        gives no reason to call it unnatural.
    """
    inverse = torch.linalg.pinv(covariance).to(features.device)
    offsets = features - mean.to(features.device)
    squares = torch.einsum('...i,ij,...j->...', offsets, inverse, offsets)
    return squares.clamp_(min=0).sqrt_().nan_to_num_(nan=0)


def _features_of_strip(grey: Tensor, top: int, lefts: list[int]) -> Tensor:
    begin = max(top - STRIP_MARGIN, 0)
    strip = grey[begin:top + PATCH_SIZE + STRIP_MARGIN]
    half_size = [side // 2 for side in strip.shape]
    strip = strip[:2 * half_size[0], :2 * half_size[1]]
    half = F.interpolate(strip[None, None] / 255, half_size, mode='bicubic', antialias=True)
    scales = []
    for scale, image in ((1, strip), (2, half[0, 0] * 255)):
        side = PATCH_SIZE // scale
        # In NumPy: hundreds of small steps, for which PyTorch's threads would wait for each other.
        coefficients = normalised_coefficients(np.ascontiguousarray(image.cpu().numpy()))
        rows = coefficients[(top - begin) // scale:][:side]
        patches = np.stack([rows[:, left // scale:][:, :side] for left in lefts])
        scales.append(_features_at_scale(patches))
    return torch.from_numpy(np.concatenate(scales, axis=1)).to(grey.device)


def _features_at_scale(patches: np.ndarray) -> np.ndarray:
    """Shape ``(N, side, side)`` to ``(N, 18)``."""
    products = [patches * np.roll(patches, shift, axis=(1, 2)) for shift in NEIGHBOURS]
    shape, left, right = _asymmetric_gaussian(patches)
    features = [shape, (left + right) / 2]
    for product in products:
        shape, left, right = _asymmetric_gaussian(product)
        mean = (right - left) * np.exp(gammaln(2 / shape) - gammaln(1 / shape))
        features += [shape, mean, left, right]
    return np.stack(features, axis=1)


def _asymmetric_gaussian(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit shape, left and right scale by moments (eq. 6-8); NaN for flat patches."""
    values = patches.reshape(len(patches), -1)
    squares = np.square(values)
    energy = squares.mean(axis=1)
    with np.errstate(divide='ignore', invalid='ignore'):  # flat patches become NaN below
        left, right = (np.sqrt(np.einsum('ij,ij->i', squares, side) / side.sum(axis=1))
                       for side in (values < 0, values > 0))
        skew = left / right
        ratio = np.abs(values).mean(axis=1)**2 / energy
        ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1)**2
    shape = _shape_of(ratio)
    scale = np.exp((gammaln(1 / shape) - gammaln(3 / shape)) / 2)
    flat = (energy < FLAT) | ~np.isfinite(skew) | (skew == 0)
    for value in (shape, left, right):
        value[flat] = np.nan
    return shape, left * scale, right * scale


def _shape_of(ratio: np.ndarray) -> np.ndarray:
    """The shape whose moment ratio Γ(2/α)² / (Γ(1/α) Γ(3/α)) is nearest, to three digits."""
    above = np.searchsorted(_RATIOS, np.nan_to_num(ratio)).clip(1, len(_SHAPES) - 1)
    is_nearer = ratio - _RATIOS[above - 1] <= _RATIOS[above] - ratio
    return _SHAPES[above - is_nearer]
