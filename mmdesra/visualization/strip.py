"""A row of pictures with captions, for a README or a page."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .checks import check_image

Font = Union[ImageFont.FreeTypeFont, ImageFont.ImageFont]

GAP = 8
MIN_FONT_SIZE, MAX_FONT_SIZE = 10, 28


def make_strip(panels: Sequence[tuple[str, np.ndarray]], height: int) -> np.ndarray:
    """Set pictures side by side on white, each with its caption above it.

    Every picture is scaled to ``height`` with its proportions kept: a larger one by area, a
    smaller one (an LR image) by nearest neighbour, so that its pixels can be seen. The captions
    are in Pillow's own font (Pillow 10.1 or newer), so a strip looks the same on every machine.

    Args:
        panels: (caption, uint8 (H, W, 3) RGB image) for each picture, from left to right.
        height: Height of the pictures in px, without the captions.

    Returns:
        uint8 RGB array of :func:`caption_height` + ``height`` rows; its width is the sum of the
        scaled widths and a gap of 8 px between any two pictures.

    Raises:
        ValueError: If there is no panel, the height is not positive, or an image is not uint8
            (H, W, 3).
    """
    if not panels:
        raise ValueError('expected at least one (caption, image) panel, got none')
    if height < 1:
        raise ValueError(f'expected a positive height, got {height}')
    pictures = []
    for caption, image in panels:
        check_image(image, f'panel {caption!r}')
        pictures.append(_scale(image, height))
    captions = [caption for caption, _ in panels]
    font = _fitting_font(captions, [picture.shape[1] for picture in pictures], height)

    gap = np.full((caption_height(height) + height, GAP, 3), 255, np.uint8)
    columns = []
    for caption, picture in zip(captions, pictures):
        head = draw_caption(caption, caption_height(height), picture.shape[1], font)
        columns += [np.concatenate([head, picture]), gap]
    return np.concatenate(columns[:-1], axis=1)


def caption_height(height: int) -> int:
    """Return the height in px of the captions above pictures of ``height`` px."""
    return round(1.6 * _font_size(height))


def _font_size(height: int) -> int:
    return int(np.clip(height // 12, MIN_FONT_SIZE, MAX_FONT_SIZE))


def _scale(image: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    how = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_NEAREST
    return cv2.resize(image, (width, height), interpolation=how)


def _fitting_font(captions: Sequence[str], widths: Sequence[int], height: int) -> Font:
    """Return the largest font in which every caption fits above its picture."""
    size = _font_size(height)
    while True:
        font = ImageFont.load_default(size=size)
        if size == MIN_FONT_SIZE or all(
                font.getlength(text) <= width for text, width in zip(captions, widths)):
            return font
        size -= 1


def draw_caption(text: str, height: int, width: int, font: Font) -> np.ndarray:
    """Draw a centred line in black on white; uint8, shape ``(height, width, 3)``."""
    head = Image.new('RGB', (width, height), 'white')
    # A caption too long even for the smallest font is cut off at the right.
    x = max(width / 2, font.getlength(text) / 2)
    ImageDraw.Draw(head).text((x, height / 2), text, fill='black', font=font, anchor='mm')
    return np.asarray(head)
