"""Computing a map tile by tile where strips of full width would still be too large."""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def by_tiles(function: Callable[[Tensor, Tensor], Tensor], first: Tensor, second: Tensor,
             tile: int, overlap: int) -> Tensor:
    """Apply a function to overlapping tiles of two images and join what it returns.

    Equal to the function of the whole images if a value depends on at most ``overlap`` px around
    it, and if shifting the images by ``tile`` or ``overlap`` shifts the result: both must be
    multiples of the strides in a network.

    Args:
        function (Callable): Two tensors of shape ``(3, h, w)`` to one of shape ``(h, w)``.
        first (Tensor): Shape ``(3, H, W)``.
        second (Tensor): The same shape.
        tile (int): Side of what a tile gives to the result, in px.
        overlap (int): What each side of a tile has besides, in px.

    Returns:
        Tensor: Shape ``(H, W)``.
    """
    height, width = first.shape[-2:]
    if max(height, width) <= tile + 2 * overlap:
        return function(first, second)
    result = torch.empty(height, width)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            above, before = min(top, overlap), min(left, overlap)
            window = (..., slice(top - above, top + tile + overlap),
                      slice(left - before, left + tile + overlap))
            part = function(first[window], second[window])[above:, before:][:tile, :tile]
            result[top:top + tile, left:left + tile] = part
    return result
