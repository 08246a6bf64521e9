"""The size of an image, without decoding it."""
from __future__ import annotations

from pathlib import Path

from PIL import Image

from .decoding import FORMATS


def shorter_side(path: str | Path) -> int | None:
    """Return the shorter side of an image in px, from its header.

    Returns:
        int | None: None if the header cannot be read; reading the image tells the reason.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            return min(image.size)
    except Exception:  # noqa: BLE001  # a damaged header can raise anything
        return None
