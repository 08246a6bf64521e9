"""What an artifact's texture is like: strength, period, direction, colour, lattice."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LATTICE_PERIOD = 4
"""Side in px of the tile that x4 generators with two pixel shuffles may repeat."""

SHAPE_STEPS = 3
"""Frequencies below this many cycles a window are the content's shading, not texture."""


@dataclass(frozen=True)
class TextureMeasures:
    r"""Figures of a residual texture r, a window of GAN-SR minus MSE-SR.

    Attributes:
        strength (float): Root mean square of r less each channel's mean, in 8-bit levels.
        period (float): Of the luminance, in px: 1 / mean frequency, weighted by power.
        coherence (float): In [0, 1]: 0 = no direction, 1 = all waves in one direction. For
            the power spectrum P(f): :math:`|\sum P f^2 e^{2i\phi}| / \sum P f^2`.
        angle (float): Direction across the stripes, degrees in (-90, 90]; 90 = horizontal
            stripes. Means nothing where the coherence is near 0.
        chroma_share (float): In [0, 1]: 0 = grey, 2/3 = independent or single channels, 1 =
            no luminance. :math:`1 - 3 var(mean_c r) / \sum_c var(r_c)`.
        lattice_share (float): In [0, 1]: share of the variance that a repeated 4×4 tile
            explains; 16 / (number of pixels) for white noise, 1 for a grid.
    """
    strength: float
    period: float
    coherence: float
    angle: float
    chroma_share: float
    lattice_share: float


def measure_texture(residual: np.ndarray) -> TextureMeasures:
    """Measure a window of a residual.

    Args:
        residual (np.ndarray): GAN-SR minus MSE-SR, real, shape ``(S, S, 3)``, in [-255, 255];
            S a multiple of 4, at least 16.

    Returns:
        TextureMeasures: All nan but the strength where the residual is constant.

    Raises:
        ValueError: If the window has another shape.
    """
    side = residual.shape[0]
    if residual.shape != (side, side, 3) or side < 16 or side % LATTICE_PERIOD:
        raise ValueError('expected a residual of shape (S, S, 3), S a multiple of '
                         f'{LATTICE_PERIOD} and at least 16, got {residual.shape}')
    residual = residual - residual.mean(axis=(0, 1), dtype=np.float64)
    variance = (residual**2).mean()
    if variance < 1e-12:
        return TextureMeasures(0.0, *[float('nan')] * 5)
    luminance = residual.mean(axis=2)
    tiles = residual.reshape(side // LATTICE_PERIOD, LATTICE_PERIOD,
                             side // LATTICE_PERIOD, LATTICE_PERIOD, 3)
    return TextureMeasures(
        float(np.sqrt(variance)), *_spectral_measures(luminance),
        chroma_share=float(1 - (luminance**2).mean() / variance),
        lattice_share=float((tiles.mean(axis=(0, 2))**2).mean() / variance))


def _spectral_measures(luminance: np.ndarray) -> tuple[float, float, float]:
    """Return period, coherence and angle."""
    side = len(luminance)
    taper = np.hanning(side + 2)[1:-1]
    power = np.abs(np.fft.fft2(luminance * taper[:, None] * taper))**2
    down, right = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing='ij')
    frequency = np.hypot(down, right)
    power[frequency < SHAPE_STEPS / side] = 0
    if power.sum() <= 0:  # all in the colours
        return float('nan'), float('nan'), float('nan')
    direction = (power * (right + 1j * down)**2).sum()
    return (float(power.sum() / (power * frequency).sum()),
            float(abs(direction) / (power * frequency**2).sum()),
            float(np.degrees(np.angle(direction) / 2)))
