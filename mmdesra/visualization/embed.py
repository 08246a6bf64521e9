"""What the HTML files share: pictures and texts put into the file itself."""
from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape
from importlib import resources

import numpy as np
from PIL import Image

JPEG_QUALITY = 90


def read_template(name: str) -> str:
    """Read a template of this folder; it begins with the head that the HTML files share."""
    folder = resources.files(__package__)
    template, head = (folder.joinpath(file).read_text(encoding='utf-8')
                      for file in (name, 'head.html'))
    return template.replace('<!-- head -->\n', head)


def data_uri(image: np.ndarray, lossless: bool = False, quality: int = JPEG_QUALITY) -> str:
    """Encode a picture as the ``src`` of an <img>: PNG if lossless, else JPEG.

    Args:
        image: uint8 (H, W, 3), RGB.
        lossless: Whether every value must arrive.
        quality: Of the JPEG.
    """
    data = io.BytesIO()
    if lossless:
        kind = 'png'
        Image.fromarray(image).save(data, 'PNG', optimize=True)
    else:
        kind = 'jpeg'  # full colour resolution: 4:2:0 would blur coloured texture
        Image.fromarray(image).save(data, 'JPEG', quality=quality, subsampling=0)
    text = base64.b64encode(data.getvalue()).decode('ascii')
    return f'data:image/{kind};base64,{text}'


def definitions(pairs: Iterable[tuple[str, object]]) -> str:
    """A <dl> of escaped (label, value) pairs; nothing for no pairs."""
    rows = ''.join(f'<div><dt>{escape(str(label))}</dt><dd>{escape(str(value))}</dd></div>\n'
                   for label, value in pairs)
    return f'<dl>\n{rows}</dl>\n' if rows else ''
