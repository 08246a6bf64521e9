"""One picture of what fine-tuning did to an image: whole images and a crop of the worst region."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import ImageFont

from ..ops.fading import LEFT
from .checks import check_versions
from .crop import crop_around
from .fates import count_fates, draw_fates, masks_of_fates
from .strip import GAP, draw_caption, make_strip
from .views import reduce, reduce_mask

WHOLE_SIDE = 648
"""Longer side in px above which whole images are reduced: two are as wide as four crops."""
CROP_SIDE = 160
"""Side in px of the crop around the worst region, which is shown twice as large."""
CROP_HEIGHT = 2 * CROP_SIDE
FRAME_COLOR = (0, 220, 255)
TITLE_HEIGHT, TITLE_SIZE = 34, 20


@dataclass(frozen=True)
class BeforeAfterImage:
    """An image in all its versions.

    Attributes:
        title (str): The title line.
        lq (np.ndarray): LR image, uint8, shape ``(h, w, 3)``, RGB.
        mse (np.ndarray): MSE-SR image, uint8, shape ``(H, W, 3)``, RGB.
        before (np.ndarray): GAN-SR image before fine-tuning, as ``mse``.
        mask_before (np.ndarray): Its artifacts, bool, shape ``(H, W)``.
        after (np.ndarray): GAN-SR image after fine-tuning, as ``mse``.
        mask_after (np.ndarray): Its artifacts, as ``mask_before``.
        truth (np.ndarray, optional): Ground truth, as ``mse``.
        fates (Sequence[str], optional): What became of each region of ``mask_before``, see
            :func:`mmdesra.ops.region_fates`; colours its outline. Default: all red.
    """
    title: str
    lq: np.ndarray
    mse: np.ndarray
    before: np.ndarray
    mask_before: np.ndarray
    after: np.ndarray
    mask_after: np.ndarray
    truth: np.ndarray | None = None
    fates: Sequence[str] | None = None


def draw_before_after(image: BeforeAfterImage) -> np.ndarray:
    """Draw the whole image before and after, and a crop of it in four or five versions.

    The crop shows the largest region after fine-tuning or, if none is left, the largest before.
    The whole images have outlines around the regions; the crops have none, to show the texture.

    Returns:
        np.ndarray: uint8, shape ``(h, w, 3)``, RGB; about 1300 px wide, or 1600 with the ground
        truth.

    Raises:
        ValueError: If dtypes or shapes differ from :class:`BeforeAfterImage`.
    """
    truth = {} if image.truth is None else {'truth': image.truth}
    for mask in (image.mask_before, image.mask_after):
        check_versions(image.title, mask, image.mse, lq=image.lq, before=image.before,
                       after=image.after, **truth)
    mask = image.mask_after if image.mask_after.any() else image.mask_before
    crop = crop_around(mask, CROP_SIDE)
    fates = {} if image.fates is None else masks_of_fates(image.mask_before, image.fates)
    became = f' ({count_fates(image.fates)})' if image.fates else ''
    wholes = [(f'{name}, {_count(mask)}{more}', _whole(picture, masks or {LEFT: mask}, crop))
              for name, picture, mask, more, masks in (
                  ('GAN-SR before', image.before, image.mask_before, became, fates),
                  ('GAN-SR after', image.after, image.mask_after, '', {}))]
    crops = [('LR, bicubic', enlarge(image.lq, crop, mask.shape))] + [
        (name, np.ascontiguousarray(picture[crop])) for name, picture in (
            ('MSE-SR', image.mse), ('GAN-SR before', image.before),
            ('GAN-SR after', image.after), *((name.title(), picture) for name, picture in
                                             truth.items()))]
    rows = [make_strip(wholes, wholes[0][1].shape[0]), make_strip(crops, CROP_HEIGHT)]
    width = max(row.shape[1] for row in rows)
    font = ImageFont.load_default(size=TITLE_SIZE)
    return np.concatenate([draw_caption(image.title, TITLE_HEIGHT, width, font),
                           *(_pad(row, width) for row in rows)])


def enlarge(lq: np.ndarray, crop: tuple[slice, slice], size: tuple[int, ...]) -> np.ndarray:
    """Cut the part of an LR image that a crop of its SR image shows, enlarged bicubically.

    Args:
        lq (np.ndarray): uint8, shape ``(h, w, 3)``.
        crop (tuple[slice, slice]): Rows and columns in the SR image.
        size (tuple[int, ...]): ``(H, W)`` of the SR image.

    Returns:
        np.ndarray: uint8, ``(rows, columns, 3)``. Equals a crop of the whole image enlarged,
        which could be too large for memory.
    """
    (scale_y, scale_x), (rows, columns) = (np.divide(lq.shape[:2], size), crop)
    # Map the centres of SR pixels to coordinates in which LR pixels have whole-number centres.
    to_lq = np.array([[scale_x, 0, (columns.start + .5) * scale_x - .5],
                      [0, scale_y, (rows.start + .5) * scale_y - .5]])
    return cv2.warpAffine(lq, to_lq, (columns.stop - columns.start, rows.stop - rows.start),
                          flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_REPLICATE)


def _whole(picture: np.ndarray, masks: Mapping[str, np.ndarray], crop: tuple[slice, slice]
           ) -> np.ndarray:
    small = draw_fates(reduce(picture, WHOLE_SIDE), {
        fate: reduce_mask(mask, WHOLE_SIDE) for fate, mask in masks.items()})
    factor = np.divide(small.shape[:2], picture.shape[:2])
    (top, bottom), (left, right) = (
        np.rint([part.start * share, part.stop * share]).astype(int).tolist()
        for part, share in zip(crop, factor))
    return cv2.rectangle(small, (left, top), (right - 1, bottom - 1), FRAME_COLOR, 2)


def _count(mask: np.ndarray) -> str:
    regions = cv2.connectedComponents(mask.astype(np.uint8))[0] - 1
    return f'{regions} region{"" if regions == 1 else "s"}, {int(mask.sum()):,} px'


def _pad(row: np.ndarray, width: int) -> np.ndarray:
    """Centre a row in ``width`` px, with a gap below."""
    left = (width - row.shape[1]) // 2
    sides = left, width - row.shape[1] - left
    return np.pad(row, ((0, GAP), sides, (0, 0)), constant_values=255)
