"""The progress within a large image (tiles), beside the bar that counts images."""
from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from .upscaler import Upscaler

PATIENCE = 30.
"""Seconds between two lines about one image, where there is no terminal to draw a bar on."""


@contextmanager
def tiles_shown(bar: tqdm, *upscalers: Upscaler, name: str = '') -> Iterator[None]:
    """Show beside a bar how many tiles of the image at work are done, during a block.

    Where the bar is not drawn on a terminal, lines say it, one every half minute at most.

    Args:
        bar (tqdm): The bar; nothing is shown where it is disabled.
        *upscalers (Upscaler): The generators that make the images.
        name (str): The image that is at work, where that is known.
    """
    told = time.monotonic()

    def report(done: int, count: int) -> None:
        nonlocal told
        if bar.disable:
            return
        text = f'{name}: tile {done}/{count}' if name else f'tile {done}/{count}'
        if bar.fp.isatty():
            bar.set_postfix_str(text if done < count else '')
        elif done < count and time.monotonic() - told >= PATIENCE:
            told = time.monotonic()
            bar.write(f'{bar.desc.rstrip(": ")}, image {bar.n + 1} of {bar.total}: {text}',
                      file=sys.stderr)

    before = [upscaler.report_tile for upscaler in upscalers]
    for upscaler in upscalers:
        upscaler.report_tile = report
    try:
        yield
    finally:
        for upscaler, reporter in zip(upscalers, before):
            upscaler.report_tile = reporter
