"""Textures like the artifacts of GAN-SR, built from a seed.

Their figures are those of a real pair: the SRGAN pair of docs/srgan_pair.md over 200
photographs, windows of 32×32 px wholly inside artifact regions, and for the colour noise all
windows. `mmdesra measure-artifacts` measures them; docs/artifact_benchmark.md lists them.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize, special

from .texture_measures import LATTICE_PERIOD

GREY_CHROMA_SHARE = 0.03
"""Chroma share of all kinds but the colour noise: the measured median."""

GRID_SHARE = 0.5
"""Share of a grid's variance that the repeated tile holds; the rest is stipple. Real windows reach
0.28; of the red dots along black borders a period of 4 px down the border explains all."""

SHORTEST_PERIOD = 2.5
"""In px: a band around a shorter one would lie beyond what pixels can hold."""


@dataclass(frozen=True)
class Texture:
    """A built artifact texture.

    Attributes:
        values (np.ndarray): float64, shape ``(H, W, 3)``: mean 0 in expectation, root mean
            square about 1.
        parameters (dict): What was drawn for it, for the manifest.
    """
    values: np.ndarray
    parameters: dict[str, float | str] = field(default_factory=dict)


def band_noise(shape: tuple[int, ...], rng: np.random.Generator, period: float,
               coherence: float = 0.0, angle: float = 0.0) -> np.ndarray:
    r"""Gaussian noise of one mean period and, if wanted, one direction.

    Its power spectrum is :math:`(f/s)^2 e^{-(f/s)^2} e^{\kappa \cos 2(\phi - \phi_0)}`, with
    :math:`s` such that the mean frequency is 1 / period and :math:`\kappa` such that the
    coherence :math:`I_1(\kappa) / I_0(\kappa)` is as asked. The real residuals' spectra have
    this shape: their radial spread is 0.35 to 0.37 of the mean frequency (here 0.36).

    Args:
        shape (tuple[int, ...]): Height and width in px; before them, how many planes.
        rng (np.random.Generator): Source of the noise.
        period (float): In px, at least 2.5.
        coherence (float): In [0, 1): 0 = no direction.
        angle (float): Across the stripes, degrees from the right towards the bottom;
            90 = horizontal stripes.

    Returns:
        np.ndarray: float64, of this shape, variance 1 in expectation. It wraps around.

    Raises:
        ValueError: If period or coherence is out of range.
    """
    if period < SHORTEST_PERIOD or not 0 <= coherence < 1:
        raise ValueError(f'expected a period of at least {SHORTEST_PERIOD} px and a coherence in '
                         f'[0, 1), got {period} and {coherence}')
    down, right = np.meshgrid(*map(np.fft.fftfreq, shape[-2:]), indexing='ij')
    turned = 2 * (np.arctan2(down, right) - math.radians(angle))
    direction = np.exp(_concentration(coherence) * (np.cos(turned) - 1))
    power = direction * _band(np.hypot(down, right), direction, 1 / period)
    power *= power.size / power.sum()
    return np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * np.sqrt(power)).real


def _band(frequency: np.ndarray, weights: np.ndarray, mean: float) -> np.ndarray:
    """Solve for the band whose weighted mean frequency, on these frequencies, is ``mean``."""
    def band(scale: float) -> np.ndarray:
        squared = (frequency / scale)**2
        return squared * np.exp(-squared)

    def error(scale: float) -> float:
        power = band(scale) * weights
        return float((power * frequency).sum() / power.sum()) - mean

    # On an endless plane the mean is 1.33 times the scale; the edge of the spectrum lowers it.
    return band(optimize.brentq(error, 0.5 * mean, 4 * mean, rtol=1e-4))


def _concentration(coherence: float) -> float:
    """Invert I1(k) / I0(k)."""
    if coherence == 0:
        return 0.0
    return float(optimize.brentq(
        lambda kappa: special.i1e(kappa) / special.i0e(kappa) - coherence, 0, 1 / (1 - coherence)))


def stipple(shape: tuple[int, ...], rng: np.random.Generator) -> Texture:
    """Specks without direction: water, paving, sand. Period 2.6 to 3.5 px."""
    return _noise_texture(shape, rng, (2.6, 3.5), (0, 0))


def strokes(shape: tuple[int, ...], rng: np.random.Generator) -> Texture:
    """Short strokes: fur, lawn, bark. Coherence 0.25 to 0.6, period 2.7 to 3.5 px."""
    return _noise_texture(shape, rng, (2.7, 3.5), (0.25, 0.6))


def stripes(shape: tuple[int, ...], rng: np.random.Generator) -> Texture:
    """Long parallel lines: waves. Coherence 0.6 to 0.9, period 2.9 to 3.8 px."""
    return _noise_texture(shape, rng, (2.9, 3.8), (0.6, 0.9))


def colour_noise(shape: tuple[int, ...], rng: np.random.Generator) -> Texture:
    """Stipple that is mostly colour: chroma share 0.35 to 0.65 (grey kinds: 0.03)."""
    return _noise_texture(shape, rng, (2.6, 3.5), (0, 0), (0.35, 0.65))


def grid(shape: tuple[int, ...], rng: np.random.Generator) -> Texture:
    """A 4×4 tile, repeated, under stipple: what two pixel shuffles leave on flat dark areas.

    The tile is grey or, as often, in one colour channel only: the real pair draws red dots
    along the borders of black photographs.
    """
    noise = stipple(shape, rng)
    tile = rng.standard_normal((LATTICE_PERIOD, LATTICE_PERIOD))
    tile = (tile - tile.mean()) / tile.std()
    repeats = [-(-side // LATTICE_PERIOD) for side in shape]
    lattice = np.tile(tile, repeats)[:shape[0], :shape[1]]
    colour = str(rng.choice(['grey', 'red', 'green', 'blue'], p=[1 / 2, 1 / 6, 1 / 6, 1 / 6]))
    gains = np.ones(3)
    if colour != 'grey':
        gains = math.sqrt(3) * (np.array(['red', 'green', 'blue']) == colour)
    values = (math.sqrt(GRID_SHARE) * lattice[..., None] * gains
              + math.sqrt(1 - GRID_SHARE) * noise.values)
    return Texture(values, dict(period=LATTICE_PERIOD, colour=colour))


TEXTURES: dict[str, Callable[[tuple[int, ...], np.random.Generator], Texture]] = dict(
    stipple=stipple, strokes=strokes, stripes=stripes, grid=grid, colour_noise=colour_noise)
"""The kinds, by name."""


def _noise_texture(shape: tuple[int, ...], rng: np.random.Generator,
                   periods: tuple[float, float], coherences: tuple[float, float],
                   chroma_shares: tuple[float, float] = (GREY_CHROMA_SHARE,) * 2) -> Texture:
    period, coherence, chroma_share = (rng.uniform(*limits) for limits in
                                       (periods, coherences, chroma_shares))
    angle = rng.uniform(-90, 90) if coherence else 0.0
    grey, *channels = band_noise((4, *shape), rng, period, coherence, angle)
    # Three independent planes less their mean hold 2/3 of the variance, and no luminance.
    colours = np.stack(channels, axis=-1)
    colours = (colours - colours.mean(axis=-1, keepdims=True)) * math.sqrt(1.5)
    values = math.sqrt(1 - chroma_share) * grey[..., None] + math.sqrt(chroma_share) * colours
    drawn = dict(period=period, coherence=coherence, angle=angle, chroma_share=chroma_share)
    return Texture(values, {name: round(value, 4) for name, value in drawn.items()})
