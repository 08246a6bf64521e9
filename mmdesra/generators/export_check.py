"""Whether an exported network makes the images that PyTorch makes."""
from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from .image_sizes import round_up
from .upscaler import Upscaler

SIZES = (48, 64), (37, 53)
"""Height and width of the images that are compared, in pixels: other ones than are traced."""

TRACED_SIZE = 32, 40
LEVEL = 257
"""A level in 255, in units of 16 bits."""

Run = Callable[[np.ndarray], np.ndarray]
"""From float32 in [0, 1], shape ``(1, 3, H, W)``, to ``(1, 3, s·H, s·W)``."""


class DifferentImageError(ValueError):
    """An exported network that makes something else; the message is the sentence's second half."""


def photograph_like(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Make an image with the statistics of a photograph: amplitudes fall as 1/f, and edges.

    Returns:
        np.ndarray: uint16, shape ``(height, width, 3)``.
    """
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    light, *colours = (np.fft.irfft2(np.fft.rfft2(rng.normal(size=(height, width))) / frequency,
                                     s=(height, width)) for _ in range(4))
    image = np.stack([light / light.std() + .3 * colour / colour.std() for colour in colours], -1)
    image[height // 3:, width // 2:] *= -1  # an edge, as of a roof before the sky
    return (65535 * (.5 + .2 * image).clip(0, 1)).round().astype(np.uint16)


def sizes_to_compare(multiple: int, minimum: int) -> list[tuple[int, int]]:
    """Return :data:`SIZES` as a network takes them."""
    return [(round_up(max(height, minimum), multiple), round_up(max(width, minimum), multiple))
            for height, width in SIZES]


def largest_difference(upscaler: Upscaler, run: Run, sizes: Iterable[tuple[int, int]],
                       limit: float) -> float:
    """Compare an exported network with PyTorch's on images of some sizes.

    Args:
        upscaler (Upscaler): Runs the network in PyTorch.
        run (Callable): Runs the exported one; a larger SR image is cut.
        sizes (Iterable): Heights and widths.
        limit (float): How much a value may differ, in levels of 255.

    Returns:
        float: The largest difference, in levels of 255.

    Raises:
        DifferentImageError: If it is above the limit, or the exported network fails.
    """
    largest = 0.
    for height, width in sizes:
        lq = photograph_like(height, width)
        wanted = upscaler(lq).astype(np.int32)
        batch = (lq.astype(np.float32) / np.float32(65535)).transpose(2, 0, 1)[None]
        try:
            found = run(np.ascontiguousarray(batch))
        except Exception as error:  # every runtime has errors of its own
            raise DifferentImageError(f'fails on an image of {width}x{height} px '
                                      f'({_first_line(error)})') from error
        sr = found[0].astype(np.float32).transpose(1, 2, 0)[:wanted.shape[0], :wanted.shape[1]]
        if sr.shape != wanted.shape:
            raise DifferentImageError(f'makes an image of {found.shape[-1]}x{found.shape[-2]} px '
                                      f'of {width}x{height} px')
        if not np.isfinite(sr).all():
            raise DifferentImageError('makes NaN or infinity of an image')
        difference = np.abs(np.round(sr.clip(0, 1) * 65535) - wanted).max() / LEVEL
        if difference > limit:
            raise DifferentImageError(f'makes another image of {width}x{height} px: values differ '
                                      f'by up to {difference:.1f} levels in 255, of which '
                                      f'{limit:g} may be')
        largest = max(largest, float(difference))
    return largest


def _first_line(error: Exception) -> str:
    text = (str(error).splitlines() or [''])[0]
    return f'{type(error).__name__}: {text[:200]}'
