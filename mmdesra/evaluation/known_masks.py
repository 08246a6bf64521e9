"""Looking up what is known of a data sample: human mask, ground truth, how it was before."""
from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from ..files import ImageError, ImageFolder, image_name, read_image, read_mask, size_of
from .image_sums import Before
from .sample_arrays import order_of_truth, path_of, to_mask, to_rgb

logger = logging.getLogger('mmdesra')

GT_KEY = 'gt_img'
"""Where MMagic's data samples have the ground truth."""


class KnownMasks:
    """Looks into the data sample first, then into folders; files are matched by stem.

    A sample for which there is no file is left out of the figures that would need it, and this
    is said.

    Args:
        gt_mask_dir (str | Path, optional): Folder of human masks.
        mask_before_dir (str | Path, optional): Folder of masks from before fine-tuning.
        img_before_dir (str | Path, optional): Folder of GAN-SR images from before.
        gt_dir (str | Path, optional): Folder of ground truths.
        gt_key (str): Key of the ground truth in a data sample.
        img_dir (str, optional): Folder of the samples' images, see :func:`path_of`.

    Raises:
        ImageError: If a folder does not exist or holds no image.
    """

    def __init__(self, gt_mask_dir: str | Path | None = None,
                 mask_before_dir: str | Path | None = None,
                 img_before_dir: str | Path | None = None,
                 gt_dir: str | Path | None = None, gt_key: str = GT_KEY,
                 img_dir: str | None = None) -> None:
        self._img_dir = img_dir
        self._gt_key = gt_key
        given = dict(gt_mask=gt_mask_dir, mask_before=mask_before_dir, img_before=img_before_dir,
                     gt=gt_dir)
        self._folders = {key: ImageFolder.checked(folder) for key, folder in given.items()
                         if folder is not None}

    def gt_mask(self, sample: dict) -> np.ndarray | None:
        """Return the human mask, bool, shape ``(H, W)``."""
        return self._mask('gt_mask', sample)

    def before(self, sample: dict) -> Before | None:
        """Return how the sample was before fine-tuning; None without a mask from then."""
        mask = self._mask('mask_before', sample)
        if mask is None:
            return None
        return Before(mask, self._img_before(sample))

    def truth(self, sample: dict, sr: np.ndarray) -> np.ndarray | None:
        """Return the ground truth, uint8, of the shape of an SR image.

        One that cannot be read or has another size is reported, and left out.
        """
        try:
            gt = self._truth(sample)
            if gt is not None and gt.shape != sr.shape:
                raise ImageError('expected a ground truth of the size of the SR image, '
                                 f'{size_of(sr)}, got {size_of(gt)}')
        except ImageError as error:
            logger.warning('%s: not compared with its ground truth: %s',
                           path_of(sample) or 'sample without a path', error)
            return None
        return gt

    def _truth(self, sample: dict) -> np.ndarray | None:
        if self._gt_key in sample:
            gt = to_rgb(sample[self._gt_key], order_of_truth(sample, self._gt_key))
            return np.repeat(gt, 3, axis=2) if gt.shape[2] == 1 else gt
        path = self._file('gt', sample)
        return None if path is None else read_image(path)

    def _img_before(self, sample: dict) -> np.ndarray | None:
        if 'img_before' in sample:
            return to_rgb(sample['img_before'], sample.get('img_before_channel_order', 'rgb'))
        path = self._file('img_before', sample)
        return None if path is None else read_image(path)

    def _mask(self, key: str, sample: dict) -> np.ndarray | None:
        if key in sample:
            return to_mask(sample[key])
        path = self._file(key, sample)
        return None if path is None else read_mask(path)

    def _file(self, key: str, sample: dict) -> Path | None:
        folder, path = self._folders.get(key), path_of(sample, self._img_dir)
        if folder is None:
            return None
        try:
            if path is None:
                raise ImageError('the sample names no file (img_path)')
            return folder.find(image_name(path))
        except ImageError as error:
            logger.warning('%s_dir: %s; left out of the figures that need it', key, error)
            return None
