"""Transforms for pseudo GTs: loading, composing one, and cropping where the artifacts are."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from ..errors import InputError
from ..files import read_image
from .pseudo_gt import compose_pseudo_gt


class LoadLRImage(BaseTransform):
    """Load an LR image as detection reads it, with what MMagic's ``LoadImageFromFile`` notes.

    A pseudo GT belongs to the LR image as it was read when the GAN-SR image was made. OpenCV,
    which MMagic asks by default, decodes JPEG with other rounding errors, does not turn a WebP
    file as its EXIF data say, has other colours for a TIFF file in CIELAB, and reads no GIF.

    Required key: ``img_path``; added keys: ``img``, uint8, ``(H, W, 3)``, RGB;
    ``ori_img_shape``; ``img_channel_order``; ``img_color_type``.

    Args:
        key (str): Another name in place of ``img``, for photographs that are the ground truth.
    """

    def __init__(self, key: str = 'img') -> None:
        self.key = key

    def transform(self, results: dict) -> dict:
        """Add the image.

        Raises:
            ImageError: If it cannot be read.
        """
        image = read_image(results[f'{self.key}_path'])
        results.update({self.key: image, f'ori_{self.key}_shape': image.shape,
                        f'{self.key}_channel_order': 'rgb', f'{self.key}_color_type': 'color'})
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(key={self.key!r})'


class ComposePseudoGT(BaseTransform):
    """Compose a pseudo GT from a sample's GAN-SR and MSE-SR images and its mask.

    Required keys: ``gan_key``, ``mse_key``, ``mask_key``; added key: ``gt_key``. See
    :func:`compose_pseudo_gt`.

    Args:
        gan_key (str): Key of the GAN-SR image, ``(H, W, 3)``. Default: 'gan'.
        mse_key (str): Key of the MSE-SR image, the same shape. Default: 'mse'.
        mask_key (str): Key of the mask, ``(H, W)`` or ``(H, W, 1)``, artifacts non-zero.
            Default: 'mask'.
        gt_key (str): Key of the result. Default: 'gt'.
    """

    def __init__(self, gan_key: str = 'gan', mse_key: str = 'mse', mask_key: str = 'mask',
                 gt_key: str = 'gt') -> None:
        self.gan_key = gan_key
        self.mse_key = mse_key
        self.mask_key = mask_key
        self.gt_key = gt_key

    def transform(self, results: dict) -> dict:
        """Add the pseudo GT.

        Raises:
            ValueError: If the images differ in size, or the mask has several channels.
        """
        results[self.gt_key] = compose_pseudo_gt(
            results[self.gan_key], results[self.mse_key], _plane(results[self.mask_key]) > 0)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(gan_key={self.gan_key}, mse_key={self.mse_key}, '
                f'mask_key={self.mask_key}, gt_key={self.gt_key})')


class PairedMaskCrop(BaseTransform):
    """Crop LR image, GT and mask at one place, often around an artifact pixel.

    Artifacts cover a few percent of the pixels, so patches at random places would mostly teach
    the generator to reproduce itself. Required and modified keys: ``img``, ``gt``, ``mask``.

    Args:
        gt_patch_size (int): Side of the GT patch, a multiple of the scale. Smaller images are
            an error.
        mask_prob (float): Probability that the patch is centred on an artifact pixel (as far
            as the image's border allows), in [0, 1]. Default: 0.5.
        lq_grid (int): Patches begin at multiples of it, in LR pixels. A generator that folds
            pixels into channels (RRDBNet at x1 and x2) or looks through windows (SwinIR) makes
            another image of a patch that begins elsewhere than of the whole image, which the
            pseudo GT is made of; see :class:`mmdesra.generators.ImageSizes`. Default: 1.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self, gt_patch_size: int, mask_prob: float = 0.5, lq_grid: int = 1) -> None:
        if gt_patch_size < 1:
            raise ValueError(f'expected gt_patch_size of at least 1, got {gt_patch_size}')
        if not 0 <= mask_prob <= 1:
            raise ValueError(f'expected mask_prob in [0, 1], got {mask_prob}')
        if lq_grid < 1:
            raise ValueError(f'expected lq_grid of at least 1, got {lq_grid}')
        self.gt_patch_size = gt_patch_size
        self.mask_prob = mask_prob
        self.lq_grid = lq_grid

    def transform(self, results: dict) -> dict:
        """Crop.

        Raises:
            ValueError: If the sizes do not fit each other.
            InputError: If an image is smaller than the patch.
        """
        lq, gt = results['img'], results['gt']
        mask = _plane(results['mask'])
        scale, patch = self._measure(lq, gt, mask, results)
        top, left = self._choose_corner(mask, scale, patch)
        results['img'] = lq[top:top + patch, left:left + patch]
        window = (slice(top * scale, top * scale + self.gt_patch_size),
                  slice(left * scale, left * scale + self.gt_patch_size))
        results['gt'] = gt[window]
        results['mask'] = mask[window][..., None]  # MMagic transposes and packs (H, W, C)
        return results

    def _measure(self, lq: np.ndarray, gt: np.ndarray, mask: np.ndarray,
                 results: dict) -> tuple[int, int]:
        scale = max(gt.shape[0] // lq.shape[0], 1)
        where = f'({results.get("img_path")}, {results.get("gt_path")})'
        if not gt.shape[:2] == mask.shape == (lq.shape[0] * scale, lq.shape[1] * scale):
            raise ValueError('expected a GT and a mask whose size is the same multiple of the LR '
                             f"image's, got LR {lq.shape[:2]}, GT {gt.shape[:2]}, "
                             f'mask {mask.shape} {where}')
        if self.gt_patch_size % scale:
            raise ValueError(f'expected gt_patch_size to be a multiple of the scale {scale}, got '
                             f'{self.gt_patch_size}')
        patch = self.gt_patch_size // scale
        if min(lq.shape[:2]) < patch:
            raise InputError(f'expected an LR image of at least {patch}x{patch} px, got '
                             f'{lq.shape[1]}x{lq.shape[0]} {where}; choose a smaller '
                             'gt_patch_size')
        return scale, patch

    def _choose_corner(self, mask: np.ndarray, scale: int, patch: int) -> tuple[int, int]:
        limits = np.array(mask.shape) // scale - patch
        if np.random.rand() < self.mask_prob:
            artifact_pixels = np.flatnonzero(mask)
            if len(artifact_pixels):
                pixel = artifact_pixels[np.random.randint(len(artifact_pixels))]
                centre = np.array(np.unravel_index(pixel, mask.shape)) // scale
                top, left = np.clip(centre - patch // 2, 0, limits) // self.lq_grid * self.lq_grid
                return int(top), int(left)
        top, left = (np.random.randint(limit // self.lq_grid + 1) * self.lq_grid
                     for limit in limits)
        return top, left

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(gt_patch_size={self.gt_patch_size}, '
                f'mask_prob={self.mask_prob}, lq_grid={self.lq_grid})')


def _plane(mask: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 1) to (H, W); a loader may give either."""
    if mask.ndim == 3 and mask.shape[2] == 1:
        return mask[..., 0]
    if mask.ndim != 2:
        raise ValueError(f'expected a mask of shape (H, W) or (H, W, 1), got {mask.shape}')
    return mask
