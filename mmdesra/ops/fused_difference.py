"""The texture differences of two 8-bit images on the CPU, block by block on all its cores."""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import torch
from torch import Tensor

from .load_compiled import load_compiled
from .statistics import (
    FORMS,
    MARGIN,
    STABILITY,
    VARIANCE_FLOOR,
    check_size,
    excess_texture,
    gaussian_window,
    local_std,
    relative_difference,
    texture_difference,
)
from .strips import strips_of

MAP_FORMS = (*FORMS, 'absolute', 'excess')
"""What a map may hold, in the order of the codes of the compiled path."""

BLOCK_ROWS, BLOCK_COLUMNS = 256, 64
"""Size of a block in px: its buffers take 70 kB, and what blocks compute twice is little."""


def difference_map(gan: Tensor, mse: Tensor, form: str = 'released') -> Tensor:
    """Compute D, d or the excess texture of two images, the mean over the channels.

    The same as :func:`mmdesra.ops.relative_difference`,
    :func:`mmdesra.ops.texture_difference` or :func:`mmdesra.ops.excess_texture` of their
    :func:`mmdesra.ops.local_std`. 8-bit images on
    the CPU take a compiled path: the same precision, some 30 times the speed, no intermediate
    images, on as many threads as PyTorch has (``torch.set_num_threads``, ``OMP_NUM_THREADS``).
    Where there is no numba they take the tensors' path, in strips of rows, and end in the same
    float32 but for its last digit.

    Args:
        gan (Tensor): GAN-SR image, shape ``(C, H, W)``, values in [0, 255]. Fastest as a view of
            an array of shape ``(H, W, 3)``; other numbers of channels are not compiled.
        mse (Tensor): MSE-SR image, the same shape.
        form (str): ``'released'`` or ``'printed'`` (D), ``'absolute'`` (d), or ``'excess'``.

    Returns:
        Tensor: Shape ``(H - 10, W - 10)``, float32 where compiled, float64 elsewhere. D: in
        [0, 1]; d: in [0, 127.5²]; the excess: in [0, 127.5].

    Raises:
        ValueError: If ``form`` is none of the four, the shapes differ or a side is shorter than
            the window.
    """
    if form not in MAP_FORMS:
        raise ValueError(f'expected form to be one of {MAP_FORMS}, got {form!r}')
    if gan.shape != mse.shape:
        raise ValueError(f'expected two images of one shape, got {tuple(gan.shape)} and '
                         f'{tuple(mse.shape)}')
    if len(gan) != 3 or any(image.device.type != 'cpu' or image.dtype != torch.uint8
                            for image in (gan, mse)):
        return _by_tensors(gan, mse, form)
    check_size(gan)
    difference_block = load_compiled('fused_kernel', 'difference_block')
    if difference_block is None:
        return _by_strips(gan, mse, form)
    gan, mse = (image.permute(1, 2, 0).contiguous() for image in (gan, mse))
    return torch.from_numpy(_by_blocks(difference_block, gan.numpy(), mse.numpy(), form))


def _by_tensors(gan: Tensor, mse: Tensor, form: str) -> Tensor:
    std_gan, std_mse = local_std(gan), local_std(mse)
    if form == 'absolute':
        return texture_difference(std_gan, std_mse).mean(dim=0)
    if form == 'excess':
        return excess_texture(std_gan, std_mse).mean(dim=0)
    return relative_difference(std_gan, std_mse, form).mean(dim=0)


def _by_strips(gan: Tensor, mse: Tensor, form: str) -> Tensor:
    """As :func:`_by_tensors`, but float32, and with the statistics of one strip at a time."""
    result = torch.empty([side - 2 * MARGIN for side in gan.shape[1:]])
    for rows in strips_of(gan.shape[1:], MARGIN):
        part = _by_tensors(gan[:, rows], mse[:, rows], form)
        result[rows.start:rows.start + len(part)] = part
    return result


def _by_blocks(difference_block: Callable, gan: np.ndarray, mse: np.ndarray,
               form: str) -> np.ndarray:
    height, width = (side - 2 * MARGIN for side in gan.shape[:2])
    result = np.empty((height, width), np.float32)
    images = [image.reshape(len(image), -1) for image in (gan, mse)]
    half_window = gaussian_window()[MARGIN:].numpy()

    def compute(corner: tuple[int, int]) -> None:
        top, left = corner
        difference_block(*images, half_window, MAP_FORMS.index(form), STABILITY, VARIANCE_FLOOR,
                         top, min(top + BLOCK_ROWS, height),
                         left, min(left + BLOCK_COLUMNS, width), result)

    corners = product(range(0, height, BLOCK_ROWS), range(0, width, BLOCK_COLUMNS))
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        list(threads.map(compute, corners))
    return result
