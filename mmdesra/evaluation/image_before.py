"""What is kept of a held-out image from before fine-tuning."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from ..ops import Distance
from .ground_truths import Fidelity
from .truth_sums import TruthSums


@dataclass(frozen=True)
class ToTruth:
    """How far the MSE-SR and the GAN-SR image from before are from the truth.

    Attributes:
        perceptual (dict, optional): The perceptual distance that was used, described.
        versions (dict): By version: the distances outside the mask, then in each region.
    """
    perceptual: dict | None
    versions: dict[str, list[Distance]]

    @property
    def sums(self) -> TruthSums:
        """TruthSums: Of this image."""
        return TruthSums.of(self.versions)


@dataclass(frozen=True)
class ImageBefore:
    """Figures of one image before fine-tuning, numbers only: a row of ``before.json``.

    Attributes:
        regions (int): Artifact regions.
        area (int): Artifact pixels.
        detail (float): Detail outside the mask.
        excess (Sequence[float], optional): Excess texture of each region; None in a row that an
            earlier version of this program wrote, as the following.
        fidelity (Fidelity, optional): To the ground truth, where there is one.
        to_truth (ToTruth, optional): The same, by place.
    """
    regions: int
    area: int
    detail: float
    excess: Sequence[float] | None = None
    fidelity: Fidelity | None = None
    to_truth: ToTruth | None = None

    def row(self) -> dict:
        """Return it as JSON has it."""
        row: dict = dict(regions=self.regions, area=self.area, detail=self.detail,
                         excess=self.excess)
        if self.fidelity is not None:
            row.update(psnr=self.fidelity.psnr, ssim=self.fidelity.ssim)
        if self.to_truth is not None:
            row['truth'] = dict(perceptual=self.to_truth.perceptual, **{
                name: [list(astuple(place)) for place in places]
                for name, places in self.to_truth.versions.items()})
        return row

    @classmethod
    def from_row(cls, row: dict) -> ImageBefore:
        """Read a row of :meth:`row`; a damaged one raises KeyError, TypeError or ValueError."""
        fidelity = to_truth = None
        if 'psnr' in row:
            fidelity = Fidelity(row['psnr'], row['ssim'])
        if row.get('truth'):
            versions = dict(row['truth'])
            perceptual = versions.pop('perceptual')
            to_truth = ToTruth(perceptual, {
                name: [Distance(*place) for place in places]
                for name, places in versions.items()})
        return cls(row['regions'], row['area'], row['detail'], row.get('excess'), fidelity,
                   to_truth)
