"""The figures of held-out images before and after fine-tuning."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..ops import DetailChange, RegionChanges


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
        detail_kept (float): Sum of local standard deviations outside the masks from before,
            after ÷ before.
        gt_images (int): Images whose ground truth is known; the following are their means.
        psnr_before (float | None): In dB; None without ground truth, as the following.
        psnr_after (float | None): In dB.
        ssim_before (float | None): In [-1, 1].
        ssim_after (float | None): In [-1, 1].
        per_image (dict): The same counts for each image, by file name.
    """
    images: int
    regions_before: int
    regions_after: int
    area_before: int
    area_after: int
    removal_rate: float | None
    addition_rate: float | None
    detail_kept: float
    gt_images: int
    psnr_before: float | None
    psnr_after: float | None
    ssim_before: float | None
    ssim_after: float | None
    per_image: dict[str, dict]

    @classmethod
    def of(cls, rows: dict[str, dict]) -> Comparison:
        """Sum up the counts of the images, by file name."""
        def total(key: str) -> Any:  # counts are int, detail is float
            return sum(row[key] for row in rows.values())

        changes = RegionChanges(*map(total, ('before', 'after', 'removed', 'added')))
        detail = DetailChange(total('detail_before'), total('detail_after'))
        fidelity = ('psnr_before', 'psnr_after', 'ssim_before', 'ssim_after')
        return cls(
            images=len(rows), regions_before=changes.before, regions_after=changes.after,
            area_before=total('area_before'), area_after=total('area_after'),
            removal_rate=changes.removal_rate if changes.before else None,
            addition_rate=changes.addition_rate if changes.before else None,
            detail_kept=detail.kept,
            gt_images=sum('psnr_after' in row for row in rows.values()),
            **{key: mean(rows, key) for key in fidelity},
            per_image=rows)

    @property
    def scalars(self) -> dict[str, float]:
        """dict[str, float]: How it is after, as scalars to be drawn over the iterations."""
        return _known(removal=self.removal_rate, addition=self.addition_rate,
                      detail_kept=self.detail_kept, regions=self.regions_after,
                      artifact_px=self.area_after, psnr=self.psnr_after, ssim=self.ssim_after)

    def __str__(self) -> str:
        if self.removal_rate is None:
            rates = f'nothing to remove, added {self.regions_after} regions'
        else:
            rates = f'removed {self.removal_rate:.2%}, added {self.addition_rate:.2%}'
        return (f'{self.images} held-out images: regions {self.regions_before} -> '
                f'{self.regions_after}, artifact area {self.area_before} -> {self.area_after} '
                f'px, {rates}, detail kept {self.detail_kept:.4f}{self._fidelity()}')

    def _fidelity(self) -> str:
        if not self.gt_images:
            return ''
        some = '' if self.gt_images == self.images else f' ({self.gt_images} with GT)'
        return (f', PSNR {self.psnr_before:.2f} -> {self.psnr_after:.2f} dB, '
                f'SSIM {self.ssim_before:.4f} -> {self.ssim_after:.4f}{some}')


def scalars_before(rows: dict[str, dict]) -> dict[str, float]:
    """Return :attr:`Comparison.scalars` for the start, when nothing has changed yet.

    Args:
        rows (dict[str, dict]): What is known of each image from before, by file name.
    """
    regions = sum(row['regions'] for row in rows.values())
    rate = 0. if regions else None
    return _known(removal=rate, addition=rate, detail_kept=1., regions=regions,
                  artifact_px=sum(row['area'] for row in rows.values()),
                  psnr=mean(rows, 'psnr'), ssim=mean(rows, 'ssim'))


def mean(rows: dict[str, dict], key: str) -> float | None:
    """Return the mean of a figure over the images that have it; None if none has."""
    values = [row[key] for row in rows.values() if key in row]
    return sum(values) / len(values) if values else None


def _known(**figures: float | None) -> dict[str, float]:
    return {f'DeSRA/{name}': value for name, value in figures.items() if value is not None}
