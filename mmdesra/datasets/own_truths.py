"""The user's own photographs as ground truths of their own reductions."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import read_image
from ..files.listing import ImageInputs
from .degradations import build_degradation
from .readable_images import ReadableImages

MIN_PIECE = 32
"""In px: a strip of a patch that is narrower is not filled with another photograph."""


class OwnTruths(ReadableImages):
    """(LR, GT) patches for which the truth is known: photographs, reduced once more.

    LR photographs are all that most users have, and each is the ground truth of its own reduction.
    One that is smaller than a patch fills a part of it, others fill the rest: a mosaic, whose
    seams are at multiples of the scale, so that no pixel of the LR image lies across one where
    the reduction is made piece by piece.

    Args:
        photographs (str | Sequence[str]): A folder, a file, a pattern, or several.
        gt_patch_size (int): Side of the GT patches in px, a multiple of the scale.
        scale (int): Of the generator, at least 2.
        degradation (str): How LR is made of GT: 'bicubic', or 'realesrgan' for Real-ESRGAN's
            degradations. Default: 'bicubic'.
        pipeline (Sequence[dict | Callable], optional): MMagic transforms. Default: those that
            pack the pair for any GAN-SR model.
        **kwargs: As for :class:`ReadableImages`.

    Raises:
        InputError: If the scale is below 2: a photograph that is not reduced teaches nothing.
        ImageError: If there is no photograph that can be used.
    """

    METAINFO = dict(dataset_type='own_truths', task_name='sisr')

    def __init__(self, photographs: ImageInputs, gt_patch_size: int, scale: int,
                 degradation: str = 'bicubic',
                 pipeline: Sequence[dict | Callable] | None = None, **kwargs: Any) -> None:
        self._degrade = build_degradation(degradation, scale)
        self.scale = scale
        self.patch = gt_patch_size
        if gt_patch_size % scale:
            raise InputError(f'expected a gt_patch_size that is a multiple of the scale {scale}, '
                             f'got {gt_patch_size}')
        # A scale above 32 would leave a piece without a single LR pixel.
        least = min(max(MIN_PIECE, scale), gt_patch_size)
        super().__init__(photographs, own_truth_pipeline() if pipeline is None else pipeline,
                         image_key='gt', min_size=least, **kwargs)

    def prepare_data(self, idx: int) -> Any:
        """Make the patch that begins with a photograph, at random places.

        The random numbers are NumPy's global ones, which mmengine seeds in each worker.
        """
        info = self.get_data_info(idx)
        lq, gt = self._pair(idx)
        return self.pipeline(dict(
            info, img=lq, gt=gt, img_path=info['gt_path'], ori_img_shape=lq.shape,
            ori_gt_shape=gt.shape, img_channel_order='rgb', img_color_type='color',
            gt_channel_order='rgb', gt_color_type='color'))

    def _pair(self, idx: int) -> tuple[np.ndarray, np.ndarray]:
        gt = np.empty((self.patch, self.patch, 3), np.uint8)
        lq = np.empty((self.patch // self.scale, self.patch // self.scale, 3), np.uint8)
        for window in self._windows(idx, gt):
            seed = int(np.random.randint(2**31))
            part = tuple(slice(side.start // self.scale, side.stop // self.scale)
                         for side in window)
            lq[part] = self._degrade(np.ascontiguousarray(gt[window]), seed)
        return lq, gt

    def _windows(self, idx: int, gt: np.ndarray) -> Iterator[tuple[slice, slice]]:
        """Fill a patch, piece by piece; give where each is."""
        to_fill = [(0, 0, self.patch, self.patch)]
        while to_fill:
            top, left, height, width = to_fill.pop()
            photograph = read_image(self.get_data_info(idx)['gt_path'])
            rows, columns = (self._piece(side, wanted) for side, wanted
                             in zip(photograph.shape[:2], (height, width)))
            window = slice(top, top + rows), slice(left, left + columns)
            gt[window] = _random_crop(photograph, rows, columns)
            yield window
            if columns < width:
                to_fill.append((top, left + columns, rows, width - columns))
            if rows < height:
                to_fill.append((top + rows, left, height - rows, width))
            idx = int(np.random.randint(len(self)))

    def _piece(self, side: int, wanted: int) -> int:
        """Return how many of the wanted px a side of a photograph fills."""
        if side >= wanted:
            return wanted
        piece = side // self.scale * self.scale
        least = -(-min(max(MIN_PIECE, self.scale), wanted) // self.scale) * self.scale
        return piece if wanted - piece >= least else max(wanted - least, self.scale)


def own_truth_pipeline() -> list[dict]:
    """Return the transforms that pack a pair for any MMagic GAN-SR model."""
    return [dict(type='mmagic.CopyValues', src_keys=['gt'], dst_keys=['gt_unsharp']),
            dict(type='mmagic.PackInputs')]


def _random_crop(photograph: np.ndarray, rows: int, columns: int) -> np.ndarray:
    top, left = (np.random.randint(side - part + 1) for side, part
                 in zip(photograph.shape[:2], (rows, columns)))
    return photograph[top:top + rows, left:left + columns]
