"""How strong the regions of a mask are: how much more texture they have than the reference."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .fused_difference import difference_map
from .regions import Regions
from .statistics import MARGIN
from .strips import strips_of

STRIP_PIXELS = 2**22
"""Pixels of a strip: some 50 MB."""


def region_strengths(gan: Tensor, mse: Tensor, regions: Regions,
                     strip_pixels: int = STRIP_PIXELS) -> list[float]:
    r"""Mean excess texture of an image over its reference in each region, in grey levels.

    The excess at a pixel is :math:`\max(\sigma_x - \sigma_y, 0)`, the mean over the channels; see
    :func:`mmdesra.ops.excess_texture`. In the frame of 5 px, where there is no :math:`\sigma`, the
    nearest value stands for it. Memory beyond the arguments is bounded, and strips without a
    region cost nothing.

    Args:
        gan (Tensor): GAN-SR image :math:`x`, shape ``(C, H, W)``, values in [0, 255].
        mse (Tensor): The reference :math:`y`, the same shape.
        regions (Regions): N regions of a mask of shape ``(H, W)``.
        strip_pixels (int): About how many pixels a strip has.

    Returns:
        list[float]: Of N values in [0, 127.5].

    Raises:
        ValueError: If the sizes differ, or a side is shorter than 11 px.
    """
    labels = regions.labels.numpy()
    if gan.shape != mse.shape or tuple(gan.shape[1:]) != labels.shape:
        raise ValueError('expected two images and regions of one size, got '
                         f'{tuple(gan.shape)}, {tuple(mse.shape)} and {labels.shape}')
    sums = np.zeros(len(regions) + 1)
    height = len(labels)
    for rows in strips_of(labels.shape, MARGIN, strip_pixels) if len(regions) else ():
        # Those of the frame go with the first and the last row that is known.
        above = MARGIN if rows.start == 0 else 0
        below = MARGIN if rows.stop == height else 0
        part = labels[rows.start + MARGIN - above:rows.stop - MARGIN + below]
        if part.any():
            excess = difference_map(gan[:, rows], mse[:, rows], 'excess').cpu().numpy()
            excess = np.pad(excess, ((above, below), (MARGIN, MARGIN)), 'edge')
            sums += np.bincount(part.ravel(), excess.ravel(), minlength=len(sums))
    return (torch.from_numpy(sums[1:]) / regions.areas).tolist()
