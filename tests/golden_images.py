"""Comparing an image with one that others' code made, in grey levels."""
from __future__ import annotations

import numpy as np


def assert_within_levels(image: np.ndarray, golden: np.ndarray, usual: int = 1, most: int = 2,
                         share: float = .99) -> None:
    """Fail, with a histogram of the errors, where an image is too far from another.

    Args:
        image (np.ndarray): uint8.
        golden (np.ndarray): uint8, of the same shape.
        usual (int): By how many levels a value may differ.
        most (int): By how many the few others may.
        share (float): How many values, of 1, must be within ``usual``.
    """
    assert image.dtype == golden.dtype == np.uint8
    assert image.shape == golden.shape, f'expected {golden.shape}, got {image.shape}'
    errors = image.astype(int) - golden
    distances = np.abs(errors)
    near = np.mean(distances <= usual)
    assert near >= share and distances.max() <= most, (
        f'expected {share:.1%} of the values within {usual} level(s) and all within {most}, got '
        f'{near:.3%} and {distances.max()}\n{histogram(errors)}')


def histogram(errors: np.ndarray, rows: int = 21) -> str:
    """Return how often each error occurs, a line each, and where the largest one is."""
    levels, counts = np.unique(errors, return_counts=True)
    shown = np.argsort(counts)[::-1][:rows]
    bars = (50 * counts / errors.size).round().astype(int)
    lines = [f'{levels[row]:+5} levels: {counts[row]:8} {"#" * bars[row]}'
             for row in sorted(shown)]
    left = len(levels) - len(lines)
    worst = np.unravel_index(np.argmax(np.abs(errors)), errors.shape)
    place = ', '.join(map(str, worst))
    return '\n'.join([*lines, *([f'{left} more'] if left else []),
                      f'mean {errors.mean():+.3f}; the largest at ({place}): {errors[worst]:+}'])
