"""From logits at a network's resolution to labels and probabilities at the image's.

Enlarging all classes at once takes the image's size times the number of classes (150 classes, 3
megapixels: 1.7 GB). Here one is enlarged after the other; the results are the same, and the
labels come sooner.
"""
from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor


def strongest_class(logits: Tensor, size: tuple[int, ...], align_corners: bool = False) -> Tensor:
    """Enlarge logits bilinearly and return the class of the largest one.

    Args:
        logits (Tensor): Shape ``(K, h, w)``.
        size (tuple[int, ...]): Height and width of the result.
        align_corners (bool): As in :func:`torch.nn.functional.interpolate`.

    Returns:
        Tensor: int16, shape ``size``: the first of the largest.
    """
    best = logits.new_full(size, -torch.inf)
    strongest = torch.zeros(size, dtype=torch.int16, device=logits.device)
    for index, values in enumerate(_enlarged(logits, size, align_corners)):
        strongest.masked_fill_(values > best, index)
        torch.maximum(best, values, out=best)
    return strongest


def class_probability(logits: Tensor, class_index: int, size: tuple[int, ...],
                      align_corners: bool = False) -> Tensor:
    r"""Enlarge logits bilinearly and return the softmax of one class.

    :math:`p = \exp(z_c - \log \sum_k \exp z_k)`.

    Args:
        logits (Tensor): Shape ``(K, h, w)``.
        class_index (int): The class c.
        size (tuple[int, ...]): Height and width of the result.
        align_corners (bool): As in :func:`torch.nn.functional.interpolate`.

    Returns:
        Tensor: In [0, 1], shape ``size``.
    """
    total = logits.new_full(size, -torch.inf)
    for values in _enlarged(logits, size, align_corners):
        total = torch.logaddexp(total, values)
    own, = _enlarged(logits[class_index:class_index + 1], size, align_corners)
    return (own - total).exp()


def _enlarged(logits: Tensor, size: tuple[int, ...], align_corners: bool) -> Iterator[Tensor]:
    for values in logits:
        yield F.interpolate(values[None, None], size, mode='bilinear',
                            align_corners=align_corners)[0, 0]
