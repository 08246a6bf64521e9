"""Enlarging one image with all that its file stores: colours or grey, alpha, 8 or 16 bits."""
from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import InputError
from ..files import ImageError
from ..files.full_images import FullImage
from ..generators import Upscaler, fingerprint
from ..generators.pairs import check_pair
from ..generators.pairs import upscale as run_generator
from .healing import Healer

ALPHA_UPSAMPLERS = ('model', 'bicubic')
GREY = np.array([.299, .587, .114], np.float32)
"""Weights of red, green and blue in grey (ITU-R BT.601), as in OpenCV and Pillow."""
LONGEST_SIDE = 2**15 - 1
"""Longest side in px that OpenCV can resize."""


@dataclass(frozen=True)
class Enlarged:
    """An SR image.

    Attributes:
        image (FullImage): The SR image, in the LR image's mode and depth.
        mask (np.ndarray, optional): The pixels that were healed, bool, shape ``(H, W)``; None
            without a healer.
        regions (int): Number of artifacts that were healed.
    """
    image: FullImage
    mask: np.ndarray | None = None
    regions: int = 0


class ImageUpscaler:
    """Enlarges images, and keeps grey, alpha and 16 bits.

    A grey image is enlarged as RGB with three equal channels, and becomes grey again. Alpha is
    enlarged by the generator, like a grey image, or bicubically; constant alpha stays constant.

    Args:
        upscaler (Upscaler): The generator.
        outscale (float, optional): Factor from the LR image to the result. The generator's image
            is resized to it (Lanczos over 8×8 px, as in Real-ESRGAN's script; sides are rounded
            down to whole pixels). Default: the generator's own scale.
        alpha_upsampler (str): One of :data:`ALPHA_UPSAMPLERS`.
        healer (Healer, optional): Replaces the artifacts.

    Raises:
        InputError: If ``outscale`` is not positive, or ``alpha_upsampler`` is unknown.
        GeneratorError: If the healer's reference is the generator itself, or has another scale.
    """

    def __init__(self, upscaler: Upscaler, outscale: float | None = None,
                 alpha_upsampler: str = 'model', healer: Healer | None = None) -> None:
        if outscale is not None and not 0 < outscale < math.inf:
            raise InputError(f'expected an outscale above 0, got {outscale}')
        if alpha_upsampler not in ALPHA_UPSAMPLERS:
            raise InputError(f'expected an alpha upsampler of {" or ".join(ALPHA_UPSAMPLERS)}, '
                             f'got {alpha_upsampler}')
        self.upscaler = upscaler
        self.outscale = outscale
        self.alpha_upsampler = alpha_upsampler
        self.healer = healer
        if healer is not None:
            check_pair(upscaler, healer.reference)

    def __call__(self, image: FullImage, path: Path) -> Enlarged:
        """Enlarge one image.

        Args:
            image (FullImage): The LR image.
            path (Path): The image's file, for errors.

        Raises:
            ImageError: If the generator or the reference fails on it, or the result is too large.
        """
        height, width = image.pixels.shape[:2]
        size = self._size(height, width, path)
        colours = run_generator(self.upscaler, image.rgb, path)
        found = None
        if self.healer is not None:
            colours, found = self.healer.heal(image.rgb, colours, path)
        pixels = _to_grey(colours) if image.pixels.ndim == 2 else colours
        alpha = None if image.alpha is None else self._enlarge_alpha(image.alpha, path)
        mask = None if found is None else found.mask
        if size is not None:
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_LANCZOS4)
            if alpha is not None:
                alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_LANCZOS4)
            if mask is not None:
                mask = cv2.resize(mask.astype(np.uint8), size,
                                  interpolation=cv2.INTER_NEAREST).astype(bool)
        return Enlarged(FullImage(pixels, alpha, image.profile), mask,
                        len(found.regions) if found else 0)

    @property
    def upscalers(self) -> list[Upscaler]:
        """list[Upscaler]: All generators that are run."""
        healers = [self.healer.reference.upscaler] if self.healer else []
        return [self.upscaler, *(one for one in healers if one is not self.upscaler)]

    def describe(self) -> dict:
        """Return the settings: two upscalers with equal settings make equal images."""
        upscaler = self.upscaler
        return dict(generator=fingerprint(upscaler.generator), half=upscaler.half,
                    tile=upscaler.tile, tile_pad=upscaler.tile_pad if upscaler.tile else 0,
                    outscale=self.outscale, alpha_upsampler=self.alpha_upsampler,
                    healer=self.healer.describe() if self.healer else None)

    def _size(self, height: int, width: int, path: Path) -> tuple[int, int] | None:
        """Return the width and height to resize to; None for the generator's own size."""
        if self.outscale is None or self.outscale == self.upscaler.sizes.scale:
            return None
        size = int(width * self.outscale), int(height * self.outscale)
        longest = max(*size, self.upscaler.sizes.scale * max(height, width))
        if min(size) < 1 or longest > LONGEST_SIDE:
            raise ImageError(f'{path}: of {width}x{height} px, it cannot be resized to '
                             f'{size[0]}x{size[1]} px ({self.outscale:g} times); sides may have '
                             f'1 to {LONGEST_SIDE} px, also those of the SR image before')
        return size

    def _enlarge_alpha(self, alpha: np.ndarray, path: Path) -> np.ndarray:
        scale = self.upscaler.sizes.scale
        if (alpha == alpha[0, 0]).all():
            return alpha.repeat(scale, 0).repeat(scale, 1)
        if self.alpha_upsampler == 'model':
            return _to_grey(run_generator(self.upscaler, FullImage(alpha).rgb, path))
        height, width = alpha.shape
        return cv2.resize(alpha, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC)


def _to_grey(colours: np.ndarray) -> np.ndarray:
    return (colours.astype(np.float32) @ GREY).round().astype(colours.dtype)
