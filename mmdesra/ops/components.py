"""Flipping some of the connected components of a mask, at bounded memory."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

STRIP_PIXELS = 2**22
"""Pixels of a strip, whose labels take 16 MiB."""


@dataclass(frozen=True)
class Components:
    """What is known of 8-connected components.

    Attributes:
        areas (np.ndarray): int64, shape ``(N,)``, in px.
        touches_border (np.ndarray): bool, shape ``(N,)``: reaches the first or last row or column.
    """
    areas: np.ndarray
    touches_border: np.ndarray


def flip_components(mask: np.ndarray, value: bool, chosen: Callable[[Components], np.ndarray],
                    strip_pixels: int = STRIP_PIXELS) -> None:
    """Flip, in place, some of the 8-connected components of the pixels that have one value.

    Labels take four bytes a pixel, so a large mask is labelled strip by strip: components that
    meet at a seam are joined, and each strip is labelled a second time when it is known which
    ones are flipped.

    Args:
        mask (np.ndarray): bool, shape ``(H, W)``; may be a view.
        value (bool): True: the components of the mask; False: those of its background.
        chosen (Callable): :class:`Components` to a bool array of shape ``(N,)``.
        strip_pixels (int): About how many pixels a strip has.
    """
    rows = max(strip_pixels // mask.shape[1], 1)
    strips = [mask[top:top + rows] for top in range(0, len(mask), rows)]
    if len(strips) == 1:
        labels, components = _label(mask, value)
        _flip(mask, labels, chosen(components))
        return
    parts, seams = _label_strips(strips, value)
    whole, components = _merge(parts, seams)
    ends = np.cumsum([len(part.areas) for part in parts])
    for strip, choice in zip(strips, np.split(chosen(components)[whole], ends[:-1])):
        _flip(strip, _label(strip, value)[0], choice)


def _label(strip: np.ndarray, value: bool, is_first: bool = True,
           is_last: bool = True) -> tuple[np.ndarray, Components]:
    """Label the components from 1 on; 0 stands for all other pixels."""
    pixels = (strip if value else ~strip).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=8)
    touches_border = np.zeros(count, bool)
    for border in (labels[:, 0], labels[:, -1], labels[:is_first], labels[len(labels) - is_last:]):
        touches_border[border] = True
    return labels, Components(stats[1:, cv2.CC_STAT_AREA].astype(np.int64), touches_border[1:])


def _flip(strip: np.ndarray, labels: np.ndarray, choice: np.ndarray) -> None:
    if choice.any():
        strip ^= np.append(False, choice).take(labels)


def _label_strips(strips: Sequence[np.ndarray],
                  value: bool) -> tuple[list[Components], np.ndarray]:
    """Return each strip's components and, numbered from 0 through all strips, which ones meet."""
    parts, seams = [], [np.empty((2, 0), np.int64)]
    count, above = 0, None
    for index, strip in enumerate(strips):
        labels, part = _label(strip, value, index == 0, index == len(strips) - 1)
        first, last = (np.where(row > 0, row + np.int64(count), 0) for row in labels[[0, -1]])
        if above is not None:
            seams.append(_seam(above, first) - 1)
        parts.append(part)
        count, above = count + len(part.areas), last
    return parts, np.concatenate(seams, axis=1)


def _seam(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the labels that meet between two rows, shape ``(2, number of pairs)``."""
    pairs = np.concatenate([np.stack([above, below]), np.stack([above[1:], below[:-1]]),
                            np.stack([above[:-1], below[1:]])], axis=1)
    return np.unique(pairs[:, pairs.all(axis=0)], axis=1)


def _merge(parts: Sequence[Components], seams: np.ndarray) -> tuple[np.ndarray, Components]:
    """Join the components of strips; return which joined one each is part of, and those."""
    areas = np.concatenate([part.areas for part in parts])
    touches_border = np.concatenate([part.touches_border for part in parts])
    graph = coo_array((np.ones(seams.shape[1], bool), seams), shape=(len(areas),) * 2)
    number, whole = connected_components(graph, directed=False)
    return whole, Components(
        np.bincount(whole, areas, number).astype(np.int64),  # exact in float64: below 2**53
        np.bincount(whole, touches_border, number) > 0)
