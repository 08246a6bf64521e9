"""The pictures of one image of a report, at a size that a browser likes."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .crop import crop_around, crop_scaled
from .embed import data_uri, encode_jpeg
from .legend import MapScale
from .overlay import INNER_COLOR, outline_path

QUALITY = 87
LOSSLESS_SIDE = 640
"""LR images up to this side are kept without loss: their pixels are shown magnified."""
DETAIL_SIDE = 800
"""Side in px of the cut around the largest region, made of images shown reduced."""
FOCUS_SIDE = 100
"""Side in px of the window that is put onto the largest region, where pictures are magnified."""
THUMB_SIDE, THUMB_QUALITY = 160, 80


@dataclass(frozen=True)
class View:
    """One part of an image in all its versions.

    Attributes:
        key: Short name.
        label: What the part is, for people.
        size: (height, width) in which it is shown, in px.
        shown: (label, value) of how this relates to the image's own size, for people.
        focus: (x, y) of the largest region in shares of the view, in [0, 1].
        pictures: data URIs of the versions ``lq``, ``mse``, ``gan`` and ``map``.
        outline: SVG path around the regions, in px of the view; empty if there is none.
    """
    key: str
    label: str
    size: tuple[int, ...]
    shown: tuple[str, str]
    focus: tuple[float, float]
    pictures: dict[str, str]
    outline: str


def make_views(versions: dict[str, np.ndarray], mask: np.ndarray, scale: MapScale,
               max_side: int) -> tuple[list[View], bytes]:
    """Make the views of an image, and its thumbnail.

    Args:
        versions: ``gan`` and ``mse``, uint8 (H, W, 3), RGB; ``map``, float (H, W); and, if
            there is one, ``lq``, uint8 (h, w, 3).
        mask: bool (H, W).
        scale: How maps are drawn.
        max_side: Longer side in px above which pictures are reduced.

    Returns:
        The view of the whole image and, where it is reduced and has a region, one of the largest
        region at full size; and the thumbnail, a JPEG file's content.
    """
    small = {key: reduce(image, max_side) for key, image in versions.items()}
    small_mask = reduce_mask(mask, max_side)
    size, (height, width) = small_mask.shape, mask.shape
    # Looked for where it is quick; a few pixels more or less do not matter here.
    y, x = ((part.start + part.stop) / 2 / full
            for part, full in zip(crop_around(small_mask, FOCUS_SIDE), size))
    shown = f'{width} × {height} px'
    if size != mask.shape:
        shown += f', reduced to {size[1]} × {size[0]} px'
    views = [View('whole', 'Whole image', size, ('size', shown), (x, y),
                  _encode(small, scale), outline_path(small_mask))]
    if size != mask.shape and small_mask.any():
        views.append(_detail(versions, mask, (x, y), scale))
    return views, _thumbnail(small['gan'], small_mask)


def reduce(image: np.ndarray, max_side: int) -> np.ndarray:
    """Reduce a picture or a float map by area, if it is larger than wanted.

    Args:
        image: ``(H, W)`` or ``(H, W, C)``, uint8 or float.
        max_side: The longer side of the result in px.
    """
    height, width = image.shape[:2]
    factor = max_side / max(height, width)
    if factor >= 1:
        return image
    if image.dtype == np.float16:  # unknown to OpenCV
        image = image.astype(np.float32)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def reduce_mask(mask: np.ndarray, max_side: int) -> np.ndarray:
    """Reduce a bool (H, W) mask as :func:`reduce`; a pixel that is an artifact in part is one."""
    return reduce(mask.view(np.uint8) * 255, max_side) > 0


def _detail(versions: dict[str, np.ndarray], mask: np.ndarray, focus: tuple[float, float],
            scale: MapScale) -> View:
    rows, columns = (_window(share, full) for share, full in zip(focus[::-1], mask.shape))
    parts = {key: crop_scaled(image, (rows, columns), mask.shape) if key == 'lq' else
             np.ascontiguousarray(image[rows, columns]) for key, image in versions.items()}
    shown = (f'x {columns.start} to {columns.stop}, y {rows.start} to {rows.stop} of '
             f'{mask.shape[1]} × {mask.shape[0]} px, at full size')
    size = rows.stop - rows.start, columns.stop - columns.start
    return View('region', 'Largest region', size, ('part', shown), (.5, .5),
                _encode(parts, scale), outline_path(mask[rows, columns]))


def _window(share: float, full: int) -> slice:
    """``DETAIL_SIDE`` px around a share of a side, moved to lie within it."""
    extent = min(DETAIL_SIDE, full)
    start = min(max(round(share * full - extent / 2), 0), full - extent)
    return slice(start, start + extent)


def _thumbnail(image: np.ndarray, mask: np.ndarray) -> bytes:
    image = reduce(image, THUMB_SIDE).copy()
    mask = reduce_mask(mask, THUMB_SIDE)
    # Lines would hide a picture that small.
    image[mask] = np.rint(image[mask] * 0.5 + np.array(INNER_COLOR) * 0.5)
    return encode_jpeg(image, THUMB_QUALITY)


def _encode(versions: dict[str, np.ndarray], scale: MapScale) -> dict[str, str]:
    pictures = {}
    if 'lq' in versions:
        lq = versions['lq']
        pictures['lq'] = data_uri(lq, max(lq.shape[:2]) <= LOSSLESS_SIDE, QUALITY)
    for key in ('mse', 'gan'):
        pictures[key] = data_uri(versions[key], quality=QUALITY)
    pictures['map'] = data_uri(scale.draw(versions['map']), quality=QUALITY)
    return pictures
