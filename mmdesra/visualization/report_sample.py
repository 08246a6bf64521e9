"""What a report is given of one image."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .checks import check_map, check_versions


@dataclass(frozen=True, eq=False)
class ReportSample:
    """The pictures of one image.

    Args:
        name: Its name in the table, such as the file name.
        gan: GAN-SR image, uint8 (H, W, 3), RGB.
        mse: MSE-SR image, as ``gan``.
        map: Artifact map, float (H, W), in the detector's unit; NaN where there is no score.
        mask: Artifacts, bool (H, W).
        lq: LR image, uint8 (h, w, 3), RGB; shown at the SR images' size. None: there is none.
        facts: More (label, value) pairs to be shown with it.
        largest_dropped: Area of the largest region that was dropped for its size, in px; 0: none
            was.
        strengths: How strong each region of the mask is, in the order of
            :func:`mmdesra.ops.label_regions`, in grey levels; see
            :func:`mmdesra.ops.region_strengths`. None: it is not known.

    Raises:
        ValueError: If a dtype or a shape differs from the above; the message names the sample.
    """
    name: str
    gan: np.ndarray
    mse: np.ndarray
    map: np.ndarray
    mask: np.ndarray
    lq: np.ndarray | None = None
    facts: Sequence[tuple[str, object]] = ()
    largest_dropped: int = 0
    strengths: Sequence[float] | None = None

    def __post_init__(self) -> None:
        lq = {} if self.lq is None else {'lq': self.lq}
        check_versions(self.name, self.mask, self.mse, gan=self.gan, **lq)
        check_map(self.map, self.mask.shape, f"'map' of {self.name!r}")

    def versions(self) -> dict[str, np.ndarray]:
        """The pictures and the map by the names of the arguments, without an LR image if none."""
        versions = dict(gan=self.gan, mse=self.mse, map=self.map)
        return versions if self.lq is None else dict(versions, lq=self.lq)
