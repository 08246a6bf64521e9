"""LR images without ground truth, to validate with."""
from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from mmengine.dataset import BaseDataset
from mmengine.dist import get_rank

from ..files import ImageError, list_images, read_image

logger = logging.getLogger('mmdesra')


class LRImages(BaseDataset):
    """The images of a folder that can be read; the others are reported and left out.

    As :class:`mmdesra.evaluation.before_after.BeforeAfter` does: one broken file must not end a
    run that has trained for hours. A sample is a dict with ``key`` and ``img_path``, the keys of
    MMagic's ``BasicImageDataset``.

    Args:
        data_root (str): The folder.
        pipeline (Sequence[dict | Callable]): MMagic transforms. Default: none.
        **kwargs: As for ``BaseDataset``.

    Raises:
        ImageError: If the folder holds no image that can be read.
    """

    METAINFO = dict(dataset_type='lr_images', task_name='sisr')

    def __init__(self, data_root: str, pipeline: Sequence[dict | Callable] = (),
                 **kwargs: object) -> None:
        super().__init__(data_root=str(data_root), pipeline=list(pipeline), **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the images, and read each once to see that it can be.

        Raises:
            ImageError: If none can be.
        """
        samples, errors = [], []
        for path in list_images(self.data_root):
            try:
                read_image(path)
            except ImageError as error:
                errors.append(error)
                if get_rank() == 0:
                    logger.warning('skipped: %s', error)
            else:
                samples.append(dict(key=path.stem, img_path=str(path)))
        if not samples:
            raise ImageError(f'{self.data_root}: holds no image that can be read; {errors[0]}')
        return samples
