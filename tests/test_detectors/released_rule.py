"""The released detection rule, written a second time from its description, for comparison.

Double precision, dense OpenCV filter on each channel, morphology by scipy; shares no code with
mmdesra. Returns what the release returns: the valid area, 5 px smaller on each side.
"""
from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

WINDOW = cv2.getGaussianKernel(11, 1.5) @ cv2.getGaussianKernel(11, 1.5).T


def std(channel):
    def mean(values):
        return cv2.filter2D(values, cv2.CV_64F, WINDOW)[5:-5, 5:-5]

    values = channel.astype(np.float64)
    return np.sqrt(np.maximum(mean(values**2) - mean(values)**2, 0) + 1e-8)


def relative_difference(gan, mse):
    c = (0.03 * 255)**2
    maps = []
    for channel in range(3):
        x, y = std(gan[..., channel]), std(mse[..., channel])
        maps.append((2 * x * y + c) / (x * x + y * y + c))
    return sum(maps) / 3


def clean(artifact, min_area):
    square = np.ones((5, 5))
    artifact = ndimage.binary_erosion(artifact, square, border_value=1)
    for _ in range(3):
        artifact = ndimage.binary_dilation(artifact, square)
    artifact = ndimage.binary_fill_holes(artifact, np.ones((3, 3)))
    labels, count = ndimage.label(artifact, np.ones((3, 3)))
    kept = [label for label in range(1, count + 1) if (labels == label).sum() > min_area]
    return np.isin(labels, kept)


def detect(gan, mse, min_area, threshold=0.7, labels=None, bins=None):
    """Map and mask; ``bins`` is a dict from label to bin."""
    result = relative_difference(gan, mse)
    if labels is not None:
        weights = np.vectorize(lambda label: 20 / (20 - bins.get(label, 0)))
        result = np.clip(result * weights(labels[5:-5, 5:-5]), 0, 1)
    return result, clean(result < threshold, min_area)
