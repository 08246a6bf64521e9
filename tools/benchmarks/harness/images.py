"""Large images, put together from the pairs that there are."""
from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from mmdesra.generators import PairSource

NAMES = 'gan', 'mse'


def add_pair_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the pairs."""
    parser.add_argument('--gan', required=True, nargs='+', metavar='PATH', help='GAN-SR images')
    parser.add_argument('--mse', required=True, nargs='+', metavar='PATH',
                        help='MSE-SR images, matched by file stem')


def joined_pair(source: PairSource, side: int,
                allocate: Callable[[str, tuple[int, int, int]], np.ndarray] | None = None
                ) -> list[np.ndarray]:
    """Make a square GAN-SR and MSE-SR image of this side.

    Row after row is filled with the source's images from the left, each row as high as its lowest
    image; all of them are used before one comes again.

    Args:
        source (PairSource): The pairs.
        side (int): In px.
        allocate (Callable, optional): Makes the image of a name and shape, such as a file.

    Returns:
        list[np.ndarray]: Two of uint8, shape ``(side, side, 3)``.
    """
    allocate = allocate or (lambda name, shape: np.empty(shape, np.uint8))
    images = [allocate(name, (side, side, 3)) for name in NAMES]
    number = top = 0
    while top < side:
        row: list = []
        while sum(pair.gan.shape[1] for pair in row) < side:
            row.append(source.load(source.paths[number % len(source.paths)]))
            number += 1
        height = min(*(len(pair.gan) for pair in row), side - top)
        for image, name in zip(images, NAMES):
            joined = np.concatenate([getattr(pair, name)[:height] for pair in row], axis=1)
            image[top:top + height] = joined[:, :side]
        top += height
    return images
