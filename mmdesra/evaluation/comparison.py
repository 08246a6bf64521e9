"""The figures of held-out images before and after fine-tuning."""
from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from ..ops import DetailChange, Fading, RegionChanges
from .figures import known, percent
from .ground_truths import Fidelity
from .image_before import ImageBefore
from .image_change import ImageChange
from .image_sums import ImageSums
from .truth_sums import BEFORE, TruthSums, flat_figures
from .truth_table import truth_text


@dataclass(frozen=True)
class Comparison:
    """What fine-tuning did to a set of images.

    Attributes:
        images (int): Images compared.
        regions_before (int): Artifact regions before.
        regions_after (int): Artifact regions after.
        area_before (int): Artifact pixels before.
        area_after (int): Artifact pixels after.
        removal_rate (float | None): Regions with no artifact pixel left / regions before, in
            [0, 1]; None where there was none before.
        addition_rate (float | None): Regions that share no pixel with one from before /
            regions before; None where there was none before.
        gone (int): Regions removed with at most half of their excess texture left.
        faded (int): Regions removed with more than that left, see
            :func:`mmdesra.ops.region_fates`.
        left (int): Regions not removed.
        excess_left (float | None): Excess texture over the MSE-SR images inside the masks from
            before, after ÷ before; None where there was none.
        detail_kept (float): Sum of local standard deviations outside the masks from before,
            after ÷ before.
        gt_images (int): Images whose ground truth is known; the following are their means.
        psnr_before (float | None): In dB; None without ground truth, as the following.
        psnr_after (float | None): In dB.
        ssim_before (float | None): In [-1, 1].
        ssim_after (float | None): In [-1, 1].
        truth (dict | None): How far the images are from the ground truths inside the masks and
            outside, see :meth:`mmdesra.evaluation.truth_sums.TruthSums.figures`.
        perceptual (dict | None): The perceptual distance that ``truth`` has, described; None
            where it has none.
        per_image (dict): The figures of each image, by file name.
    """
    images: int
    regions_before: int
    regions_after: int
    area_before: int
    area_after: int
    removal_rate: float | None
    addition_rate: float | None
    gone: int
    faded: int
    left: int
    excess_left: float | None
    detail_kept: float
    gt_images: int
    psnr_before: float | None
    psnr_after: float | None
    ssim_before: float | None
    ssim_after: float | None
    truth: dict | None
    perceptual: dict | None
    per_image: dict[str, dict]

    @classmethod
    def of(cls, images: Mapping[str, ImageChange], perceptual: dict | None = None) -> Comparison:
        """Sum up the counts of the images, by file name."""
        changed = images.values()
        sums = sum((image.sums for image in changed), ImageSums())
        changes, fading = sums.changes or RegionChanges(), sums.fading or Fading()
        pairs = [image.fidelity for image in changed if image.fidelity is not None]
        before, after = (mean_fidelity(pair[stage] for pair in pairs) for stage in (0, 1))
        return cls(
            images=len(images), regions_before=changes.before, regions_after=changes.after,
            area_before=sum(image.area_before for image in changed),
            area_after=sum(image.area_after for image in changed),
            removal_rate=known(changes.removal_rate), addition_rate=known(changes.addition_rate),
            gone=fading.gone, faded=fading.faded, left=fading.left,
            excess_left=known(fading.excess_left),
            detail_kept=(sums.detail or DetailChange()).kept,
            gt_images=len(pairs),
            **{f'{name}_before': value for name, value in before.items()},
            **{f'{name}_after': value for name, value in after.items()},
            truth=sums.truth.figures() if sums.truth else None,
            perceptual=perceptual,
            per_image={name: image.row() for name, image in images.items()})

    @property
    def scalars(self) -> dict[str, float]:
        """dict[str, float]: The figures after fine-tuning, as scalars for curves."""
        return _known(removal=self.removal_rate, addition=self.addition_rate,
                      detail_kept=self.detail_kept, regions=self.regions_after,
                      artifact_px=self.area_after, excess_left=self.excess_left,
                      gone=self.gone if self.regions_before else None,
                      faded=self.faded if self.regions_before else None,
                      psnr=self.psnr_after, ssim=self.ssim_after,
                      **flat_figures(self.truth) if self.truth else {})

    @property
    def table(self) -> str:
        """str: Table of the distances to the ground truths; empty without any."""
        return truth_text(self.truth, self.perceptual) if self.truth else ''

    def __str__(self) -> str:
        if self.removal_rate is None:
            rates = f'nothing to remove, added {self.regions_after} regions'
        else:
            rates = (f'removed {self.removal_rate:.2%}, added {self.addition_rate:.2%} '
                     f'({self.gone} gone, {self.faded} faded, {self.left} left), '
                     f'excess left {percent(self.excess_left, 1)}')
        return (f'{self.images} held-out images: regions {self.regions_before} -> '
                f'{self.regions_after}, artifact area {self.area_before} -> {self.area_after} '
                f'px, {rates}, detail kept {self.detail_kept:.4f}{self._fidelity()}')

    def _fidelity(self) -> str:
        if not self.gt_images:
            return ''
        some = '' if self.gt_images == self.images else f' ({self.gt_images} with GT)'
        return (f', PSNR {self.psnr_before:.2f} -> {self.psnr_after:.2f} dB, '
                f'SSIM {self.ssim_before:.4f} -> {self.ssim_after:.4f}{some}')


def scalars_before(images: Mapping[str, ImageBefore]) -> dict[str, float]:
    """Return :attr:`Comparison.scalars` for the start of the run, before any change.

    Args:
        images (Mapping[str, ImageBefore]): What is known of each from before, by file name.
    """
    regions = sum(image.regions for image in images.values())
    has_excess = any(sum(image.excess or ()) for image in images.values())
    fidelity = mean_fidelity(image.fidelity for image in images.values() if image.fidelity)
    truths = [image.to_truth.sums for image in images.values() if image.to_truth]
    return _known(removal=0. if regions else None, addition=0. if regions else None,
                  detail_kept=1., regions=regions,
                  artifact_px=sum(image.area for image in images.values()),
                  excess_left=1. if has_excess else None, gone=0 if regions else None,
                  faded=0 if regions else None, **fidelity,
                  **flat_figures(sum(truths, TruthSums()).figures(), BEFORE) if truths else {})


def mean_fidelity(fidelities: Iterable[Fidelity]) -> dict[str, float | None]:
    """Return the means of PSNR and SSIM by name; None without images."""
    known_ones = list(fidelities)
    return {field.name: sum(getattr(one, field.name) for one in known_ones) / len(known_ones)
            if known_ones else None for field in fields(Fidelity)}


def _known(**figures: float | None) -> dict[str, float]:
    return {f'DeSRA/{name}': value for name, value in figures.items()
            if value is not None and not math.isnan(value)}
