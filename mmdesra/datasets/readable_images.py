"""A folder of images of which some may be broken, to validate with or to train on."""
from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmengine.dataset import BaseDataset
from mmengine.dist import get_rank
from tqdm import tqdm

from ..files import ImageError, collect_images, image_name, read_image, size_of
from ..files.listing import ImageInputs

logger = logging.getLogger('mmdesra')


class ReadableImages(BaseDataset):
    """The images of a folder that can be used; the others are reported and left out.

    Each is read once before the first is wanted: one broken file must not end a run that has
    trained for hours. A sample is a dict with ``key`` and ``img_path`` or ``gt_path``, the keys
    of MMagic's ``BasicImageDataset``.

    Args:
        data_root (str | Sequence[str]): The folder, a pattern of image files, or several.
        pipeline (Sequence[dict | Callable]): MMagic transforms. Default: none.
        image_key (str): What the images are, 'img' (LR) or 'gt'. Default: 'img'.
        min_size (int): Shorter side in px from which on an image is used. Default: 1.
        recursive (bool): Whether to read sub-folders, too. Default: False.
        **kwargs: As for ``BaseDataset``.

    Attributes:
        skipped (list[str]): Why images were left out, one line each.

    Raises:
        ImageError: If the folder holds no image that can be used.
    """

    METAINFO = dict(dataset_type='readable_images', task_name='sisr')

    def __init__(self, data_root: ImageInputs, pipeline: Sequence[dict | Callable] = (),
                 image_key: str = 'img', min_size: int = 1, recursive: bool = False,
                 **kwargs: object) -> None:
        self.image_key = image_key
        self.recursive = recursive
        self.min_size = min_size
        self.skipped: list[str] = []
        self._inputs = data_root
        entries = [data_root] if isinstance(data_root, (str, Path)) else data_root
        super().__init__(data_root=', '.join(map(str, entries)), pipeline=list(pipeline), **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the images, and read each once to see that it can be.

        Raises:
            ImageError: If none can be used.
        """
        paths = collect_images(self._inputs, self.recursive)
        usable = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            reasons = tqdm(pool.map(self._reason_against, paths), f'reading {self.data_root}',
                           len(paths), leave=False, unit='image', disable=get_rank() != 0)
            for path, reason in zip(paths, reasons):
                if reason:
                    self._skip(reason)
                else:
                    usable.append({'key': image_name(path), f'{self.image_key}_path': str(path)})
        if not usable:
            raise ImageError(f'{self.data_root}: holds no image that can be used; '
                             f'{self.skipped[0]}')
        return usable

    def _reason_against(self, path: Path) -> str:
        """Return why an image cannot be used; empty if it can."""
        try:
            image = read_image(path)
        except ImageError as error:
            return str(error)
        if min(image.shape[:2]) >= self.min_size:
            return ''
        return (f'{path}: expected at least {self.min_size}x{self.min_size} px, got '
                f'{size_of(image)}; smaller patches would let it in')

    def _skip(self, reason: str) -> None:
        self.skipped.append(reason)
        if get_rank() == 0:
            logger.warning('skipped: %s', reason)
