"""How much texture an image holds outside its artifacts."""
from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .statistics import MARGIN, local_std


@dataclass(frozen=True)
class DetailChange:
    """Detail outside the masks from before, in the images before and after; they add up.

    Attributes:
        before (float): :func:`detail_outside` of the images before fine-tuning.
        after (float): Of the images after, with the same masks.
    """
    before: float = 0.0
    after: float = 0.0

    def __add__(self, other: DetailChange) -> DetailChange:
        return DetailChange(self.before + other.before, self.after + other.after)

    @property
    def kept(self) -> float:
        """After / before, at least 0; 1 where there was nothing to keep."""
        return self.after / self.before if self.before else 1.0


def detail_outside(image: Tensor, mask: Tensor) -> float:
    r"""Sum of local standard deviations outside a mask, :math:`\sum_{p \notin M} \sigma(p)`.

    Fine-tuning must remove artifacts and keep texture: the sum after fine-tuning divided by
    the sum before, both outside the masks from *before*, is the *detail kept* (1 = all).

    Args:
        image (Tensor): Shape ``(C, H, W)``, values in [0, 255]. Channels are averaged.
        mask (Tensor): bool, shape ``(H, W)``: the artifacts from before fine-tuning.

    Returns:
        float: In [0, 127.5 · H · W], over the valid area (5 px less on each side).

    Raises:
        ValueError: If mask and image differ in size.
    """
    if image.shape[-2:] != mask.shape:
        raise ValueError(f"expected a mask of the image's size {tuple(image.shape[-2:])}, "
                         f'got {tuple(mask.shape)}')
    inside = slice(MARGIN, -MARGIN)
    std = local_std(image).mean(dim=0)
    return float(std[~mask[inside, inside].to(std.device)].sum())
