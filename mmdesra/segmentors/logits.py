"""From logits at a network's resolution to labels and probabilities at the image's.

Enlarging all classes at once takes the image's size times the number of classes (150 classes, 3
megapixels: 1.8 GB). Here they are enlarged a few at a time; the results are the same.
"""
from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK_VALUES = 2**26
"""Enlarged logits held at a time: 256 MB in single precision."""


def strongest_class(logits: Tensor, size: tuple[int, int], align_corners: bool = False) -> Tensor:
    """Enlarge logits bilinearly and return the class of the largest one.

    Args:
        logits (Tensor): Shape ``(K, h, w)``.
        size (tuple[int, int]): Height and width of the result.
        align_corners (bool): As in :func:`torch.nn.functional.interpolate`.

    Returns:
        Tensor: int16, shape ``size``: the first of the largest.
    """
    best = logits.new_full(size, -torch.inf)
    index = torch.zeros(size, dtype=torch.int16, device=logits.device)
    for start, chunk in _enlarged(logits, size, align_corners):
        value, place = chunk.max(0)
        index = torch.where(value > best, place.to(index.dtype) + start, index)
        best = torch.maximum(best, value)
    return index


def class_probability(logits: Tensor, class_index: int, size: tuple[int, int],
                      align_corners: bool = False) -> Tensor:
    r"""Enlarge logits bilinearly and return the softmax of one class.

    :math:`p = \exp(z_c - \log \sum_k \exp z_k)`.

    Args:
        logits (Tensor): Shape ``(K, h, w)``.
        class_index (int): The class c.
        size (tuple[int, int]): Height and width of the result.
        align_corners (bool): As in :func:`torch.nn.functional.interpolate`.

    Returns:
        Tensor: In [0, 1], shape ``size``.
    """
    total = logits.new_full(size, -torch.inf)
    for start, chunk in _enlarged(logits, size, align_corners):
        total = torch.logaddexp(total, chunk.logsumexp(0))
        if start <= class_index < start + len(chunk):
            own = chunk[class_index - start].clone()
    return (own - total).exp()


def _enlarged(logits: Tensor, size: tuple[int, int],
              align_corners: bool) -> Iterator[tuple[int, Tensor]]:
    count = max(CHUNK_VALUES // (size[0] * size[1]), 1)
    for start in range(0, len(logits), count):
        chunk = logits[start:start + count]
        if tuple(chunk.shape[1:]) != tuple(size):
            chunk = F.interpolate(chunk[None], size, mode='bilinear',
                                  align_corners=align_corners)[0]
        yield start, chunk
