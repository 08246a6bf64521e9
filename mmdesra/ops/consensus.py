"""What several SR images of one LR image agree on, and where they do not, the LR image itself."""
from __future__ import annotations

import cv2
import numpy as np

from .back_projection import back_projected
from .bands import bands
from .statistics import MARGIN, WINDOW_SIGMA, WINDOW_SIZE

SHARPENING = .7
"""How much of what a Gaussian takes away the sharpened enlargement gets on top."""

SHARPENING_SIGMA = .5
"""Standard deviation of that Gaussian, in LR pixels."""

DOUBT = 3.
"""How much the passes' variance counts against what they add to the LR image."""

BACK_PROJECTIONS = 2
"""Steps that bring the image back to the LR image where the passes do not agree."""

MOST_PASSES = 256
"""The sums are exact up to so many."""

_GAUSSIAN_REACH = 4  # in standard deviations, as OpenCV's for values that are not 8-bit


class PassSums:
    """Sums over the passes: exact, so their order is of no matter, and two arrays however many.

    Attributes:
        count (int): Passes so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._values = self._squares = np.zeros(0)

    def add(self, image: np.ndarray) -> None:
        """Add one pass, uint8, shape ``(H, W, 3)``.

        Raises:
            ValueError: If it is of another size than those before, or one too many.
        """
        if not self.count:
            self._values = np.zeros(image.shape, np.uint16)
            self._squares = np.zeros(image.shape, np.uint32)
        if image.shape != self._values.shape:
            raise ValueError(f'expected a pass of shape {self._values.shape}, got {image.shape}')
        if self.count == MOST_PASSES:
            raise ValueError(f'expected at most {MOST_PASSES} passes')
        self._values += image
        self._squares += np.square(image, dtype=np.uint32)
        self.count += 1

    def moments(self, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and unbiased variance over the passes, float32, of some rows.

        Raises:
            ValueError: Of fewer than two passes.
        """
        if self.count < 2:
            raise ValueError(f'expected at least 2 passes, got {self.count}')
        total = self._values[rows].astype(np.float64)
        scatter = self._squares[rows] - total**2 / self.count
        variance = np.maximum(scatter, 0) / (self.count - 1)
        return (total / self.count).astype(np.float32), variance.astype(np.float32)


def consensus_image(sums: PassSums, lq: np.ndarray, scale: int) -> np.ndarray:
    """Return what the passes agree on, and where they do not, what the LR image says.

    That is :func:`agreed_image` with weights *w*, brought back to the LR image in the share
    :math:`1 - w` (:func:`mmdesra.ops.back_projection.back_projected`), in two steps.

    Args:
        sums (PassSums): Of at least two passes.
        lq (np.ndarray): The LR image, uint8, shape ``(H, W, 3)``.
        scale (int): By how much the passes are larger.

    Returns:
        np.ndarray: uint8, shape ``(s·H, s·W, 3)``.

    Raises:
        ValueError: Of fewer than two passes.
    """
    image, weight = agreed_image(sums, enlarged_bicubic(lq, scale), scale)
    return back_projected(image, lq, np.subtract(1, weight, out=weight), BACK_PROJECTIONS)


def agreed_image(sums: PassSums, enlarged: np.ndarray, scale: int
                 ) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the mean of the passes where they agree, the sharpened LR image elsewhere.

    With the passes :math:`y_1 \dots y_K`, their mean *m* and variance *v* at each pixel, the
    enlarged LR image *u*, a Gaussian :math:`G` of half an LR pixel, and :math:`E` the mean over
    the 11x11 window of :math:`D` and over the channels:

    .. math::
        b &= u + 0.7\,(u - G * u) \\
        e &= \max(E[(m - b)^2] - E[v] / K,\; 0) \\
        w &= e \,/\, (e + 3\,E[v]) \\
        r &= b + w\,(m - b)

    *e* is the energy of what the passes add to the LR image in common: that of their mean, less
    what chance alone leaves in it. Where they add the same, *w* is 1 and *r* their mean; texture
    that each draws elsewhere vanishes. Where :math:`e = v = 0`, *r* is the mean.

    Args:
        sums (PassSums): Of at least two passes.
        enlarged (np.ndarray): The LR image, enlarged bicubically; uint8, their shape.
        scale (int): By how much.

    Returns:
        tuple[np.ndarray, np.ndarray]: *r*, uint8, their shape; and *w*, float32, ``(H, W)``. They
        are made in bands of rows, which leave no trace.

    Raises:
        ValueError: Of fewer than two passes.
    """
    sigma = SHARPENING_SIGMA * scale
    result, weights = np.empty_like(enlarged), np.empty(enlarged.shape[:2], np.float32)
    for rows, around in bands(enlarged.shape, MARGIN + round(_GAUSSIAN_REACH * sigma) + 1):
        mean, variance = sums.moments(around)
        base = _sharpen(enlarged[around].astype(np.float32), sigma)
        noise = _energy(variance)
        common = np.maximum(_energy((mean - base)**2) - noise / sums.count, 0)
        whole = common + DOUBT * noise
        weight = np.divide(common, whole, out=np.ones_like(whole), where=whole > 0)
        band = base + weight[..., None] * (mean - base)
        inside = slice(rows.start - around.start, rows.stop - around.start)
        result[rows], weights[rows] = band[inside].round().clip(0, 255), weight[inside]
    return result, weights


def enlarged_bicubic(lq: np.ndarray, scale: int) -> np.ndarray:
    """Return *u* of :func:`agreed_image`, uint8, ``(s·H, s·W, 3)``, of the LR image."""
    height, width = lq.shape[:2]
    return cv2.resize(np.ascontiguousarray(lq), (scale * width, scale * height),
                      interpolation=cv2.INTER_CUBIC)


def sharpened(enlarged: np.ndarray, scale: int) -> np.ndarray:
    """Return *b* of :func:`agreed_image`, uint8, from the enlarged LR image."""
    base = _sharpen(enlarged.astype(np.float32), SHARPENING_SIGMA * scale)
    return base.round().clip(0, 255).astype(np.uint8)


def _sharpen(image: np.ndarray, sigma: float) -> np.ndarray:
    size = 2 * round(_GAUSSIAN_REACH * sigma) + 1
    smooth = cv2.GaussianBlur(image, (size, size), sigma, borderType=cv2.BORDER_REFLECT)
    return image + SHARPENING * (image - smooth)


def _energy(squares: np.ndarray) -> np.ndarray:
    """Mean over the channels and the window, float64 ``(H, W)``."""
    return cv2.GaussianBlur(squares.mean(axis=-1, dtype=np.float64), (WINDOW_SIZE, WINDOW_SIZE),
                            WINDOW_SIGMA, borderType=cv2.BORDER_REFLECT)
