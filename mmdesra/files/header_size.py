"""The size of an image, without decoding it."""
from __future__ import annotations

from pathlib import Path

from PIL import Image

from .decoding import FORMATS


def shorter_side(path: str | Path) -> int | None:
    """Return the shorter side of an image in px, as its file's header says; upright or not.

    Returns:
        int | None: None where the header cannot be read; reading the image says why.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            return min(image.size)
    except Exception:  # noqa: BLE001  # Pillow raises whatever a damaged header makes of it
        return None
