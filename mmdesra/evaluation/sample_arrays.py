"""Images, masks and label maps out of the data samples that evaluators hand to metrics."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..files.image_path import ImagePath

MODEL_ORDER = 'img_output_channel_order'
"""Where MMagic's data samples say in which channel order the model took its input."""

PATH_KEYS = ('img_path', 'lq_path', 'gt_path')


def order_of_outputs(sample: dict) -> str:
    """Return the channel order of a sample's input and prediction."""
    # Whatever its model takes, MMagic hands inputs and predictions to metrics as BGR.
    return 'bgr' if MODEL_ORDER in sample else 'rgb'


def order_of_truth(sample: dict, key: str) -> str:
    """Return the channel order of a sample's ground truth, by its key (MMagic: ``gt_img``)."""
    # MMagic's preprocessor says what it made of it, its loader under another name what it read.
    loaded = f'{key.removesuffix("_img")}_channel_order'
    order = sample.get(f'{key}_output_channel_order') or sample.get(
        loaded, sample.get(f'{key}_channel_order', 'rgb'))
    return 'bgr' if str(order).lower() == 'bgr' else 'rgb'


def path_of(sample: dict, img_dir: str | None = None) -> Path | None:
    """Return the file that a sample comes from; None if it does not say.

    Args:
        sample (dict): The sample.
        img_dir (str, optional): Folder of the images; one in a sub-folder of it is named with it.
    """
    for key in PATH_KEYS:
        if isinstance(sample.get(key), (str, Path)):
            path = Path(sample[key])
            inside = Path(os.path.relpath(path, img_dir)).as_posix() if img_dir else ''
            return path if inside.startswith('../') else ImagePath.of(path, inside)
    return None


def to_rgb(image: Tensor | np.ndarray, order: str) -> np.ndarray:
    """(3, H, W) or (1, 3, H, W) in [0, 255], any dtype, RGB or BGR, to uint8 (H, W, 3) RGB.

    Raises:
        ValueError: If a value is NaN or infinite: no grey level stands for it.
    """
    values = torch.as_tensor(image)
    values = values[0] if values.ndim == 4 else values
    if not values.isfinite().all():
        raise ValueError('expected finite values, got NaN or infinity')
    values = values if values.dtype == torch.uint8 else values.float().round().clamp(0, 255)
    pixels = values.to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(pixels[..., ::-1] if order.lower() == 'bgr' else pixels)


def to_mask(mask: Tensor | np.ndarray) -> np.ndarray:
    """Bool, 0/1 or 0/255, with leading dimensions of any length, to bool (H, W).

    True where any channel is; of values beyond 1, where it is 128 or above.
    """
    values = torch.as_tensor(mask)
    if values.dtype != torch.bool:
        values = values >= (128 if values.numel() and float(values.max()) > 1 else .5)
    return values.reshape(-1, *values.shape[-2:]).any(dim=0).cpu().numpy()


def to_labels(labels: Tensor | np.ndarray) -> np.ndarray:
    """(H, W), or with leading dimensions of 1 or of equal channels, to int64 (H, W)."""
    values = torch.as_tensor(labels).cpu()
    return values.reshape(-1, *values.shape[-2:])[0].to(torch.int64).numpy()
