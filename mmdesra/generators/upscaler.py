"""Running a generator on whole images: tiles, half precision, 8-bit in and out."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError

DEFAULT_TILE_PAD = 32


class Upscaler:
    """Turn LR images into SR images.

    Args:
        generator (nn.Module): Shape ``(N, 3, H, W)`` to ``(N, 3, s·H, s·W)``, RGB in [0, 1].
            It is run in evaluation mode; each part is left in the mode that it was in.
        tile (int): Side of the tiles in LR pixels; 0 = the whole image at once.
        tile_pad (int): LR pixels around a tile that are computed and thrown away. From half of
            the generator's receptive field on, tiles leave no trace.
        half (bool): Autocast to half precision (float16 on CUDA, bfloat16 on the CPU).

    Raises:
        InputError: If ``tile`` or ``tile_pad`` is negative.
    """

    def __init__(self, generator: nn.Module, tile: int = 0, tile_pad: int = DEFAULT_TILE_PAD,
                 half: bool = False) -> None:
        if tile < 0 or tile_pad < 0:
            raise InputError(f'expected tile and tile_pad of at least 0, got {tile}, {tile_pad}')
        self.generator = generator
        self.tile = tile
        self.tile_pad = tile_pad
        self.half = half

    @property
    def device(self) -> torch.device:
        """torch.device: Where the generator's weights are."""
        return next(self.generator.parameters()).device

    @torch.no_grad()  # not inference_mode: what a module caches must stay usable in training
    def __call__(self, lq: np.ndarray) -> np.ndarray:
        """Enlarge one image.

        Args:
            lq (np.ndarray): uint8, shape ``(H, W, 3)``, RGB.

        Returns:
            np.ndarray: uint8, shape ``(s·H, s·W, 3)``, RGB, rounded to the nearest value.

        Raises:
            ValueError: If the generator returns NaN or infinity.
        """
        image = torch.from_numpy(np.ascontiguousarray(lq.transpose(2, 0, 1)))
        modes = {module: module.training for module in self.generator.modules()}
        self.generator.eval()
        try:
            sr = self._run_tiles(image) if self.tile else self._run(image)
        finally:
            for module, training in modes.items():  # parts may have modes of their own
                module.training = training
        return sr.permute(1, 2, 0).contiguous().numpy()

    def _run(self, image: Tensor) -> Tensor:
        """uint8 (3, H, W) on the CPU to uint8 (3, s·H, s·W) on the CPU."""
        device = self.device
        dtype = torch.float16 if device.type == 'cuda' else torch.bfloat16
        # On a CPU, convolutions run about twice as fast with the channels last.
        batch = image.to(device).unsqueeze(0).to(torch.float32, memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype, enabled=self.half):
            sr = self.generator(batch / 255)[0].float()
        if not bool(torch.isfinite(sr).all()):
            raise ValueError('the generator returned NaN or infinity'
                             + (' (half precision is on)' if self.half else ''))
        return (sr.clamp(0, 1) * 255).round().to(torch.uint8).cpu()

    def _run_tiles(self, image: Tensor) -> Tensor:
        result: Tensor | None = None
        _, height, width = image.shape
        for top, bottom, left, right in _tiles(height, width, self.tile):
            up, back = max(top - self.tile_pad, 0), max(left - self.tile_pad, 0)
            padded = image[:, up:bottom + self.tile_pad, back:right + self.tile_pad]
            sr = self._run(padded)
            scale = sr.shape[-1] // padded.shape[-1]
            if result is None:
                result = sr.new_empty((3, height * scale, width * scale))
            result[:, top * scale:bottom * scale, left * scale:right * scale] = sr[
                :, (top - up) * scale:(bottom - up) * scale,
                (left - back) * scale:(right - back) * scale]
        assert result is not None  # an image has at least one tile
        return result


def _tiles(height: int, width: int, tile: int) -> Iterator[tuple[int, int, int, int]]:
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            yield top, min(top + tile, height), left, min(left + tile, width)
