"""Argument checks shared by the drawing functions."""
from __future__ import annotations

import numpy as np


def describe(value: object) -> str:
    """Describe a value for an error: dtype and shape of an array, else its type."""
    if isinstance(value, np.ndarray):
        return f'{value.dtype} {value.shape}'
    return type(value).__name__


def check_image(image: np.ndarray, name: str = 'image') -> None:
    """Raise a ValueError unless ``image`` is a non-empty uint8 (H, W, 3) array."""
    if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3
            and image.shape[2] == 3 and image.size):
        raise ValueError(f'expected {name} to be a non-empty uint8 array (H, W, 3) in RGB, '
                         f'got {describe(image)}')


def check_mask(mask: np.ndarray, size: tuple[int, ...] | None = None, name: str = 'mask') -> None:
    """Raise a ValueError unless ``mask`` is a non-empty bool (H, W) array of ``size`` (H, W)."""
    if not (isinstance(mask, np.ndarray) and mask.dtype == np.bool_ and mask.ndim == 2
            and mask.size):
        raise ValueError(f'expected {name} to be a non-empty bool array (H, W), '
                         f'got {describe(mask)}')
    if size is not None and mask.shape != tuple(size):
        raise ValueError(f'expected {name} to have the size (H, W) of its image, {tuple(size)}, '
                         f'got {mask.shape}')


def check_map(artifact_map: np.ndarray, size: tuple[int, ...] | None = None,
              name: str = 'the artifact map') -> None:
    """Raise a ValueError unless the map is a non-empty float array of ``size`` (H, W)."""
    if not (isinstance(artifact_map, np.ndarray) and artifact_map.ndim == 2
            and np.issubdtype(artifact_map.dtype, np.floating) and artifact_map.size):
        raise ValueError(f'expected {name} to be a non-empty float array (H, W), '
                         f'got {describe(artifact_map)}')
    if size is not None and artifact_map.shape != tuple(size):
        raise ValueError(f'expected {name} to have the size (H, W) of its image, {tuple(size)}, '
                         f'got {artifact_map.shape}')


def check_versions(sample: str, mask: np.ndarray, mse: np.ndarray,
                   **others: np.ndarray) -> None:
    """Check the pictures of one sample.

    Args:
        sample: The sample's name.
        mask: Expected to be bool (H, W).
        mse: Expected to be uint8 (H, W, 3).
        others: Expected to be as ``mse``; only ``lq`` has a size of its own.

    Raises:
        ValueError: If a dtype or a shape differs; names the sample and the picture.
    """
    for key, image in {'mse': mse, **others}.items():
        check_image(image, f'{key!r} of {sample!r}')
        if key != 'lq' and image.shape != mse.shape:
            raise ValueError(f'expected {key!r} of {sample!r} to have the shape of '
                             f"'mse', {mse.shape}, got {image.shape}")
    check_mask(mask, mse.shape[:2], f"'mask' of {sample!r}")
