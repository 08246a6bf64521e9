"""Telling flat areas from edges in a drawing, and what a mask leaves out of it."""
from __future__ import annotations

import numpy as np


def find_values(values: np.ndarray) -> np.ndarray:
    """Return the values that occur, sorted; faster than ``np.unique`` for small ones."""
    high = int(values.max())
    if high >= 2**24:
        return np.unique(values)
    occurs = np.zeros(high + 1, bool)
    flat = values.reshape(-1)
    for start in range(0, flat.size, 2**20):  # in pieces: an index takes 8 bytes
        occurs[flat[start:start + 2**20]] = True
    return np.flatnonzero(occurs)


def is_flat(values: np.ndarray) -> np.ndarray:
    """Return a mask of the pixels that lie in a 2×2 block of one value."""
    corner = values[:-1, :-1]
    block = np.pad((corner == values[1:, :-1]) & (corner == values[:-1, 1:])
                   & (corner == values[1:, 1:]), 1)
    return block[:-1, :-1] | block[1:, :-1] | block[:-1, 1:] | block[1:, 1:]


def find_steps(values: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and the higher values of neighbouring pixels that differ.

    Only pairs with at least one pixel in the mask ``inside`` are returned.
    """
    lower, higher = [], []
    for ahead, behind in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        a, b = values[ahead], values[behind]
        differ = (a != b) & (inside[ahead] | inside[behind])
        lower.append(np.minimum(a, b)[differ])
        higher.append(np.maximum(a, b)[differ])
    return (np.concatenate(lower).astype(np.int64), np.concatenate(higher).astype(np.int64))


def leaves_out_edges(drawn: np.ndarray, mask: np.ndarray, flat: np.ndarray) -> bool:
    """Tell whether the drawn pixels outside a mask are edges: not flat, within 2 px of it."""
    import cv2
    near = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    left_out = drawn & ~mask
    return share(flat, left_out) <= .1 and not (left_out & ~near).any()


def share(of: np.ndarray, among: np.ndarray) -> float:
    """Return the share of the pixels ``among`` that are also in ``of``; 0 if there are none."""
    return int(np.count_nonzero(of & among)) / max(int(np.count_nonzero(among)), 1)


def loses_one(drawn: np.ndarray, mask: np.ndarray) -> bool:
    """Tell whether a mask leaves out a whole component of the drawn pixels."""
    if (drawn == mask).all():
        return False
    import cv2  # slow to import, and few masks need it
    count, numbers = cv2.connectedComponents(drawn.astype(np.uint8), connectivity=8)
    return len(find_values(numbers[mask])) < count - 1
