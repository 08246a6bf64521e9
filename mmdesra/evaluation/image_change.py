"""What fine-tuning did to one image, and to each region of it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ..ops import DetailChange, Distance, Fading, RegionChanges, Regions
from ..ops.fading import excess_left
from .figures import fading_figures, known
from .ground_truths import Fidelity
from .image_sums import ImageSums
from .truth_sums import MEASURES


@dataclass(frozen=True)
class ImageChange:
    """Counts and sums of one image before and after fine-tuning.

    Attributes:
        sums (ImageSums): Regions, detail, excess texture, and distances to the truth.
        area_before (int): Artifact pixels before.
        area_after (int): Artifact pixels after.
        regions (list[dict]): A row for each region from before, see :func:`region_rows`.
        fidelity (tuple, optional): To the ground truth, before and after.
    """
    sums: ImageSums
    area_before: int
    area_after: int
    regions: list[dict] = field(default_factory=list)
    fidelity: tuple[Fidelity, Fidelity] | None = None

    def row(self) -> dict:
        """Return the figures of the image, for JSON."""
        sums = self.sums
        detail = sums.detail or DetailChange()
        row = dict(asdict(sums.changes or RegionChanges()), area_before=self.area_before,
                   area_after=self.area_after, detail_before=detail.before,
                   detail_after=detail.after, **fading_figures(sums.fading or Fading()))
        if self.fidelity is not None:
            before, after = self.fidelity
            row.update(psnr_before=before.psnr, psnr_after=after.psnr,
                       ssim_before=before.ssim, ssim_after=after.ssim)
        if sums.truth is not None:
            row['truth'] = sums.truth.figures()
        return dict(row, regions=self.regions)


def region_rows(regions: Regions, fates: Sequence[str], before: Sequence[float],
                after: Sequence[float], versions: Mapping[str, Sequence[Distance]] | None = None
                ) -> list[dict]:
    """Describe each region of an image, for JSON.

    Args:
        regions (Regions): Of the mask from before, N of them.
        fates (Sequence[str]): What became of each, see :func:`mmdesra.ops.region_fates`.
        before (Sequence[float]): Excess texture of each before.
        after (Sequence[float]): The same after.
        versions (Mapping, optional): By version: the distances to the truth outside, then in each.

    Returns:
        list[dict]: ``box`` (x, y, width, height in px), ``area``, ``fate``, ``excess_left``
        (None where there was none before); with a truth also ``texture`` and ``perceptual``:
        the distance of each version, None where unknown.
    """
    rows: list[dict] = [
        dict(box=box, area=area, fate=fate, excess_left=known(excess_left(*excess)))
        for box, area, fate, *excess in zip(regions.boxes.tolist(), regions.areas.tolist(),
                                            fates, before, after)]
    for number, row in enumerate(rows, 1):
        if versions is not None:
            row.update({name: {version: known(measure(places[number]))
                               for version, places in versions.items()}
                        for name, measure in MEASURES.items()})
    return rows
