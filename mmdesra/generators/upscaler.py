"""Running a generator on whole images: any size, tiles, half precision, 8 or 16 bits."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError
from .evaluating import device_of, evaluating
from .failures import UpscaleError, describe_failure, is_out_of_memory
from .image_sizes import CHANNELS, image_sizes_of, pad_image, round_up, scale_between

DEFAULT_TILE_PAD = 32

WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
"""The types of image that are enlarged, and the value of white in each."""


class Upscaler:
    """Turn LR images into SR images.

    Images of sizes that the generator does not take are extended at their right and lower
    border by their mirror image, and the SR image is cut.

    Args:
        generator (nn.Module): Shape ``(N, 3, H, W)`` to ``(N, 3, s·H, s·W)``, RGB in [0, 1].
            It is run in evaluation mode; each part is left in the mode that it was in.
        tile (int): Side of the tiles in LR pixels; 0 = the whole image at once.
        tile_pad (int): LR pixels around a tile that are computed and thrown away, and as many
            more as it takes to begin where the generator's groups of pixels begin. From half
            of the generator's receptive field on, tiles leave no trace.
        half (bool): Autocast to half precision (float16 on CUDA, bfloat16 on the CPU).
        weights_file (str | Path, optional): The file that the generator's weights come from, to
            be named by what describes the run.

    Attributes:
        sizes (ImageSizes): What sizes the generator takes, and by how much it enlarges.
        report_tile (Callable, optional): Called after each tile with how many are done of the
            image, and how many it has; None at first.

    Raises:
        InputError: If ``tile`` or ``tile_pad`` is negative.
        GeneratorError: If the generator does not make an SR image of an LR image alone, of any
            size; it is tried on a few small ones.
    """

    def __init__(self, generator: nn.Module, tile: int = 0, tile_pad: int = DEFAULT_TILE_PAD,
                 half: bool = False, weights_file: str | Path | None = None) -> None:
        if tile < 0 or tile_pad < 0:
            raise InputError(f'expected tile and tile_pad of at least 0, got {tile}, {tile_pad}')
        self.generator = generator
        self.tile = tile
        self.tile_pad = tile_pad
        self.half = half
        self.weights_file = weights_file
        self.sizes = image_sizes_of(generator)
        self.report_tile: Callable[[int, int], None] | None = None

    @property
    def device(self) -> torch.device:
        """torch.device: Where the generator's weights are."""
        return device_of(self.generator)

    def __call__(self, lq: np.ndarray) -> np.ndarray:
        """Enlarge one image.

        Args:
            lq (np.ndarray): uint8 or uint16, shape ``(H, W, 3)``, RGB.

        Returns:
            np.ndarray: Of the same type, shape ``(s·H, s·W, 3)``, RGB, rounded to the nearest
            value.

        Raises:
            UpscaleError: If the generator raises an error, whatever it be, returns anything but
                an SR image, or NaN or infinity, or if the memory does not suffice.
            ValueError: If the image is of another type.
        """
        height, width = lq.shape[:2]
        if lq.dtype not in WHITE:
            raise ValueError(f'expected an image of uint8 or uint16, got {lq.dtype}')
        white = WHITE[lq.dtype]
        pixels = np.ascontiguousarray(lq.transpose(2, 0, 1))
        # Older releases of PyTorch cannot compute with uint16.
        image = torch.from_numpy(pixels if white == 255 else pixels.astype(np.int32))
        image = pad_image(image, self.sizes.padded(height), self.sizes.padded(width))
        try:
            with evaluating(self.generator):
                sr = (self._run_tiles(image, height, width, white) if self.tile
                      else self._run(image, white))
        except (MemoryError, RuntimeError) as error:  # not of the generator: see _call
            if not is_out_of_memory(error):
                raise
            raise self._failure(error) from error
        scale = self.sizes.scale
        result = sr[:, :height * scale, :width * scale].permute(1, 2, 0).contiguous().numpy()
        return result.astype(lq.dtype, copy=False)

    def _run(self, image: Tensor, white: int) -> Tensor:
        """Enlarge an image of integers, shape (3, H, W), to (3, s·H, s·W); both on the CPU."""
        # On a CPU, convolutions run about twice as fast with the channels last.
        batch = image.to(self.device).unsqueeze(0).to(torch.float32,
                                                      memory_format=torch.channels_last)
        sr = self._call(batch / white)[0].float()
        if not bool(torch.isfinite(sr).all()):
            raise UpscaleError('the generator returned NaN or infinity' + self._precision)
        return (sr.clamp(0, 1) * white).round().to(image.dtype).cpu()

    def _call(self, batch: Tensor) -> Tensor:
        device = batch.device.type
        dtype = torch.float16 if device == 'cuda' else torch.bfloat16
        try:
            with torch.autocast(device, dtype, enabled=self.half):
                sr = self.generator(batch)
        except Exception as error:  # a network may raise anything, and of one image only
            raise self._failure(error) from error
        try:
            scale = scale_between(batch, sr)
        except ValueError as error:
            raise UpscaleError(f'the generator {error}') from error
        if scale != self.sizes.scale:
            raise UpscaleError(f'expected it to be enlarged by {self.sizes.scale}, got {scale}')
        return sr

    def _failure(self, error: Exception) -> UpscaleError:
        message = describe_failure(error) + self._precision
        if not is_out_of_memory(error):
            return UpscaleError(message)
        cure = (f'smaller tiles than {self.tile} px' if self.tile else
                'tiles, such as --tile 256 (in Python, tile=256)')
        return UpscaleError(f'too little memory; it takes {cure}: {message}')

    @property
    def _precision(self) -> str:
        return ' (half precision is on)' if self.half else ''

    def _run_tiles(self, image: Tensor, height: int, width: int, white: int) -> Tensor:
        scale = self.sizes.scale
        done, count = 0, -(-height // self.tile) * -(-width // self.tile)
        result = image.new_empty((CHANNELS, height * scale, width * scale))
        for top, bottom in _spans(height, self.tile):
            up, down = self._window(top, bottom, image.shape[1])
            for left, right in _spans(width, self.tile):
                back, forth = self._window(left, right, image.shape[2])
                sr = self._run(image[:, up:down, back:forth], white)
                result[:, top * scale:bottom * scale, left * scale:right * scale] = sr[
                    :, (top - up) * scale:(bottom - up) * scale,
                    (left - back) * scale:(right - back) * scale]
                done += 1
                if self.report_tile is not None:
                    self.report_tile(done, count)
        return result

    def _window(self, start: int, stop: int, length: int) -> tuple[int, int]:
        """Return the first and last pixel, along one side, that are computed for a tile."""
        grid, least = self.sizes.grid, self.sizes.minimum
        first = max(start - self.tile_pad, 0) // grid * grid
        last = min(round_up(max(stop + self.tile_pad, first + least), grid), length)
        return max(min(first, last - least), 0) // grid * grid, last


def _spans(length: int, tile: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, tile):
        yield start, min(start + tile, length)
