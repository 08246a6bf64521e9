"""Overlapping patches of an image, and a map from one score per patch."""
from __future__ import annotations

import torch
from torch import Tensor


def patch_begins(side: int, patch: int, stride: int) -> list[int]:
    """Where the patches along a side begin: every ``stride`` px, and a last one at the end.

    Args:
        side (int): Of the image, in px.
        patch (int): Side of a patch, in px; at most ``side``.
        stride (int): Even, in px.

    Returns:
        list[int]: Ascending, even, from 0; the last patch ends at most 1 px before the end.
    """
    last = (side - patch) // 2 * 2
    return [*range(0, last, stride), last]


def interpolate_patches(scores: Tensor, tops: list[int], lefts: list[int], patch: int,
                        size: tuple[int, int]) -> Tensor:
    """Interpolate linearly between the centres of patches; beyond the outermost, the nearest.

    Args:
        scores (Tensor): Shape ``(M, N)``.
        tops (list[int]): M rows where the patches begin, ascending.
        lefts (list[int]): N columns where they begin, ascending.
        patch (int): Side of a patch, in px.
        size (tuple[int, int]): (H, W) of the image.

    Returns:
        Tensor: float32, shape ``(H, W)``.
    """
    result = scores.to(torch.float32)
    for dim, begins, side in ((0, tops, size[0]), (1, lefts, size[1])):
        middles = [begin + (patch - 1) / 2 for begin in begins]
        centres = torch.tensor(middles, dtype=result.dtype, device=result.device)
        places = torch.arange(side, dtype=result.dtype, device=result.device)
        places = places.clamp(middles[0], middles[-1])
        after = torch.searchsorted(centres, places).clamp(min=min(1, len(begins) - 1))
        before = (after - 1).clamp(min=0)
        last, next_one = (centres.index_select(0, which) for which in (before, after))
        share = (places - last) / (next_one - last).clamp(min=1)
        result = torch.lerp(result.index_select(dim, before), result.index_select(dim, after),
                            share.unsqueeze(1 - dim))
    return result
