"""What is known of a data sample beforehand: a human mask, and how it was before fine-tuning."""
from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from ..files import ImageError, ImageFolder, image_name, read_image, read_mask
from .image_detail import image_detail
from .image_figures import Before
from .sample_arrays import path_of, to_mask, to_rgb

logger = logging.getLogger('mmdesra')


class KnownMasks:
    """Looks into the data sample first, then into folders; files are matched by stem.

    A sample for which there is no file is left out of the figures that would need it, and this
    is said.

    Args:
        gt_mask_dir (str | Path, optional): Folder of human masks.
        mask_before_dir (str | Path, optional): Folder of masks from before fine-tuning.
        img_before_dir (str | Path, optional): Folder of GAN-SR images from before.
        img_dir (str, optional): Folder of the samples' images, see :func:`path_of`.

    Raises:
        ImageError: If a folder does not exist or holds no image.
    """

    def __init__(self, gt_mask_dir: str | Path | None = None,
                 mask_before_dir: str | Path | None = None,
                 img_before_dir: str | Path | None = None,
                 img_dir: str | None = None) -> None:
        self._img_dir = img_dir
        given = dict(gt_mask=gt_mask_dir, mask_before=mask_before_dir, img_before=img_before_dir)
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
        image = self._img_before(sample)
        return Before(mask, None if image is None else image_detail(image, mask))

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
