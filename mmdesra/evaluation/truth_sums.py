"""What the truth says of a set of images: sums and counts, and the figures that follow."""
from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field

from ..ops import Distance
from ..ops.distances import add_up
from .figures import known

REFERENCE, BEFORE, AFTER = VERSIONS = 'reference', 'before', 'after'
"""The MSE-SR image; the GAN-SR images before and after fine-tuning, or ``after`` alone."""

PLACES = 'inside', 'outside'
"""Of the masks."""

MAX_PSNR = 100.
"""In dB: stands for the infinity of two equal images, for which JSON has no word."""

MEASURES: dict[str, Callable[[Distance], float]] = dict(
    texture=lambda distance: distance.texture_error,
    perceptual=lambda distance: distance.perceptual)
"""By what one version of a region can be farther from the truth than another."""


@dataclass(frozen=True)
class FartherRegions:
    """In how many regions one version is farther from the truth than another; they add up.

    Attributes:
        regions (int): Regions compared.
        farther (int): Those in which it is farther.
        nearer (int): Those in which it is nearer.
        pixels (int): Of all of them.
        farther_pixels (int): Of those in which it is farther.
    """
    regions: int = 0
    farther: int = 0
    nearer: int = 0
    pixels: int = 0
    farther_pixels: int = 0

    def __add__(self, other: FartherRegions) -> FartherRegions:
        return FartherRegions(*(a + b for a, b in zip(astuple(self), astuple(other))))

    @property
    def share(self) -> float:
        """Share of the regions in which it is farther, in [0, 1]; nan without regions."""
        return self.farther / self.regions if self.regions else float('nan')

    def figures(self) -> dict:
        """Return counts and shares (None without regions), for JSON."""
        share_px = self.farther_pixels / self.pixels if self.pixels else None
        return dict(regions=self.regions, farther=self.farther, nearer=self.nearer,
                    share=known(self.share), share_px=share_px)


@dataclass(frozen=True)
class TruthSums:
    """How far the versions of images are from their truths; sums and counts, which add up.

    Attributes:
        images (int): Images whose truth is known.
        inside (dict): :class:`Distance` inside the masks, by version.
        outside (dict): The same outside.
        farther (dict): :class:`FartherRegions` by (version, other version, measure).
    """
    images: int = 0
    inside: dict[str, Distance] = field(default_factory=dict)
    outside: dict[str, Distance] = field(default_factory=dict)
    farther: dict[tuple[str, str, str], FartherRegions] = field(default_factory=dict)

    @classmethod
    def of(cls, versions: Mapping[str, Sequence[Distance]]) -> TruthSums:
        """Sum up one image.

        Args:
            versions (Mapping): By version: the distances outside, then in each region.
        """
        pairs = [(version, other) for number, version in enumerate(VERSIONS)
                 for other in VERSIONS[:number] if {version, other} <= versions.keys()]
        return cls(
            1, {name: add_up(places[1:]) for name, places in versions.items()},
            {name: places[0] for name, places in versions.items()},
            {(version, other, name): _compare(versions[version][1:], versions[other][1:], measure)
             for version, other in pairs for name, measure in MEASURES.items()})

    def __add__(self, other: TruthSums) -> TruthSums:
        return TruthSums(
            self.images + other.images, _merge(self.inside, other.inside, Distance()),
            _merge(self.outside, other.outside, Distance()),
            _merge(self.farther, other.farther, FartherRegions()))

    def figures(self) -> dict:
        """Return everything as plain figures, None where one is unknown, for JSON."""
        return dict(
            images=self.images,
            **{place: {version: distance_figures(distance)
                       for version, distance in getattr(self, place).items()}
               for place in PLACES},
            regions=self._region_figures())

    def _region_figures(self) -> dict:
        figures: dict = {}
        for (version, other, measure), counts in self.farther.items():
            compared = figures.setdefault(version, {}).setdefault(f'than_{other}', {})
            compared[measure] = counts.figures()
        return figures


def relative_distance(figures: Mapping | None) -> float | None:
    r"""Return how far the images after are from their truths, as a share of those before.

    The mean of the ratio inside the masks and the one outside, of the perceptual distance where it
    was measured. Else of :math:`\sqrt{e \cdot r}` with *e* the texture error and *r* the root of
    the mean squared error: either of them alone is served by noise, or by blur.

    Args:
        figures (Mapping, optional): From :meth:`TruthSums.figures`.

    Returns:
        float | None: Below 1 is nearer than before; None where it is unknown.
    """
    if figures is None:
        return None
    ratios = [_after_over_before(figures[place]) for place in PLACES]
    seen = [ratio for ratio in ratios if ratio is not None]
    return sum(seen) / len(seen) if seen else None


def _after_over_before(versions: Mapping) -> float | None:
    before, after = versions.get(BEFORE), versions.get(AFTER)
    if not before or not after or not before['pixels']:
        return None
    if before['perceptual'] is not None and after['perceptual'] is not None:
        return _ratio(after['perceptual'], before['perceptual'])
    texture = _ratio(after['texture_error'], before['texture_error'])
    root = 10**((before['psnr'] - after['psnr']) / 20)
    return None if texture is None else math.sqrt(texture * root)


def _ratio(after: float, before: float) -> float | None:
    return after / before if before else None


def flat_figures(figures: Mapping, current: str = AFTER) -> dict[str, float]:
    """Return figures under names of one level, for metrics and curves; nan where one is unknown.

    Those of the perceptual distance are among them only where it was measured.

    Args:
        figures (Mapping): From :meth:`TruthSums.figures`.
        current (str): The version whose figures have no suffix; those of the reference and, if
            it is another, of the version before have ``_reference`` and ``_before``.
    """
    flat: dict[str, float | None] = {}
    for version in VERSIONS:
        suffix = '' if version == current else f'_{version}'
        for place in PLACES:
            flat.update({f'{name}_{place}{suffix}': value
                         for name, value in figures[place].get(version, {}).items()
                         if name != 'pixels'})
        compared = figures['regions'].get(version, {}).get(f'than_{REFERENCE}', {})
        flat.update({f'farther_by_{measure}{suffix}': counts['share']
                     for measure, counts in compared.items()})
    perceptual = {name for name in flat if 'perceptual' in name}
    if all(flat[name] is None for name in perceptual):
        flat = {name: value for name, value in flat.items() if name not in perceptual}
    return {name: math.nan if value is None else value for name, value in flat.items()}


def distance_figures(distance: Distance) -> dict:
    """Return means, None where they are unknown, and the PSNR at most :data:`MAX_PSNR`."""
    return dict(pixels=distance.pixels, texture_error=known(distance.texture_error),
                texture_above=known(distance.texture_above),
                psnr=known(min(distance.psnr, MAX_PSNR)), perceptual=known(distance.perceptual))


FLAT_NAMES = (*(f'{name}_{place}{suffix}' for suffix in ('', '_before', '_reference')
                for place in PLACES for name in distance_figures(Distance())
                if name != 'pixels'),
              *(f'farther_by_{measure}{suffix}' for suffix in ('', '_before')
                for measure in MEASURES))
"""All names that :func:`flat_figures` may give, the current version being the one after."""


def _compare(first: Sequence[Distance], second: Sequence[Distance],
             measure: Callable[[Distance], float]) -> FartherRegions:
    counts = FartherRegions()
    for one, other in zip(first, second):
        here, there = measure(one), measure(other)
        if known(here) is not None and known(there) is not None:
            counts += FartherRegions(1, int(here > there), int(here < there), one.pixels,
                                     one.pixels * int(here > there))
    return counts


def _merge(first: dict, second: dict, nothing: object) -> dict:
    return {key: first.get(key, nothing) + second.get(key, nothing)
            for key in {**first, **second}}
