"""Enlarging an image in several passes: turned by quarters and mirrored, and turned back."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from tqdm import tqdm

from .upscaler import Upscaler

MOST_TURNS = 8
PATIENCE = 10.
"""Seconds after which the passes of an image show a bar of their own."""


def is_count_of_turns(count: Any, least: int) -> bool:
    """Tell whether a value is a number of passes, from ``least`` to 8."""
    return (isinstance(count, int) and not isinstance(count, bool)
            and least <= count <= MOST_TURNS)


def each_turn(upscaler: Upscaler, lq: np.ndarray, count: int, show_progress: bool = False
              ) -> Iterator[np.ndarray]:
    """Enlarge the turned LR image, and turn the SR image back.

    Args:
        upscaler (Upscaler): The generator.
        lq (np.ndarray): uint8 or uint16, shape ``(H, W, 3)``, RGB.
        count (int): How many passes, up to 8: the four turns, then those mirrored.
        show_progress (bool): Whether the passes show a bar, if they take long.

    Yields:
        np.ndarray: Of the same type, shape ``(s·H, s·W, 3)``.
    """
    is_shown = show_progress and is_main_process()
    for number in tqdm(range(count), 'passes', leave=False, delay=PATIENCE,
                       disable=not is_shown):
        yield turn_back(upscaler(turn(lq, number)), number)


def mean_of_turns(upscaler: Upscaler, lq: np.ndarray, count: int, show_progress: bool = False
                  ) -> np.ndarray:
    """Return the mean of the passes, rounded to the nearest value; see :func:`each_turn`.

    It is what is known as geometric self-ensemble (Timofte et al., "Seven ways to improve
    example-based single image super resolution", CVPR 2016).
    """
    if count == 1:
        return upscaler(lq)
    passes = each_turn(upscaler, lq, count, show_progress)
    total = next(passes).astype(np.float32)  # exact: a sum of eight values has 19 bits
    for one in passes:
        total += one
    total /= count
    # Halves go to the even value: always upwards would make the mean of four brighter.
    return np.rint(total, out=total).astype(lq.dtype)


def turn(image: np.ndarray, number: int) -> np.ndarray:
    """Turn an image ``(H, W, …)`` by quarters; from the fifth of the eight on, mirror it, too."""
    turned = np.rot90(image, number % 4)
    # A copy, always: of a single pixel NumPy takes any strides for contiguous.
    return (turned[:, ::-1] if number >= 4 else turned).copy()


def turn_back(image: np.ndarray, number: int) -> np.ndarray:
    """Undo :func:`turn`."""
    return np.rot90(image[:, ::-1] if number >= 4 else image, -(number % 4))
