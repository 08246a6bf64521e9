"""Random images that have what rounding and borders get wrong, and turns of them.

Flat black, grey and white parts, steps, stripes of one pixel, noise; boxes up to the border.
"""
from __future__ import annotations

from functools import reduce

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from mmdesra.ops import WINDOW_SIZE

sides = st.integers(WINDOW_SIZE, 70)
sizes = st.tuples(sides, sides)
seeds = st.integers(0, 2**32 - 1)
turns = st.lists(st.sampled_from(['flip rows', 'flip columns', 'transpose']), min_size=1,
                 max_size=3)


def make_image(rng: np.random.Generator, channels: int, size: tuple[int, int]) -> Tensor:
    """A few overlapping boxes, each filled in one of the ways below, over noise."""
    rows, columns = np.mgrid[:size[0], :size[1]]
    image = rng.integers(0, 256, (channels, *size))
    for _ in range(rng.integers(0, 5)):
        fill = [0, 255, rng.integers(0, 256), 255 * ((rows + columns) % 2), 255 * (columns % 2),
                (3 * rows + columns) % 256, 200 + rng.integers(0, 2, size)][rng.integers(7)]
        box = (slice(rng.integers(channels), None), *_random_box(rng, size))
        image[box] = np.broadcast_to(fill, image.shape)[box]
    return torch.from_numpy(image.astype(np.uint8))


def make_pair(seed: int, channels: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Two such images, half of the time with equal lower parts; uint8, (C, H, W)."""
    rng = np.random.default_rng(seed)
    gan, mse = make_image(rng, channels, size), make_image(rng, channels, size)
    if rng.random() < .5:
        rows = rng.integers(0, size[0])
        mse[:, rows:] = gan[:, rows:]
    return gan, mse


def make_blotches(seed: int, size: tuple[int, int]) -> np.ndarray:
    """A bool mask: boxes with smaller ones cut out, up to the border; empty, full and speckled."""
    rng = np.random.default_rng(seed)
    mask = np.full(size, rng.random() < .2)
    for number in range(rng.integers(0, 7)):
        mask[_random_box(rng, size)] = number % 2 == 0
    return mask ^ (rng.random(size) < rng.choice([0, 0, .02, .3]))


def turned(tensor: Tensor, how: list[str]) -> Tensor:
    """The last two dimensions turned by the steps of ``turns``."""
    steps = {'flip rows': lambda x: x.flip(-2), 'flip columns': lambda x: x.flip(-1),
             'transpose': lambda x: x.transpose(-1, -2)}
    return reduce(lambda x, step: steps[step](x), how, tensor)


def _random_box(rng: np.random.Generator, size: tuple[int, int]) -> tuple[slice, slice]:
    (top, bottom), (left, right) = (np.sort(rng.integers(0, side + 1, 2)) for side in size)
    return slice(top, bottom), slice(left, right)
