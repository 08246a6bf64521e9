"""What the HTML files share: pictures and texts put into the file itself."""
from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from html import escape
from importlib import resources

import numpy as np
from PIL import Image

JPEG_QUALITY = 90


NEVER_BESIDE = 'img-src data:', "script-src 'unsafe-inline'"
"""What the head of the HTML files allows: pictures and scripts that are in the file itself."""

PART = re.compile(r'<!-- (\w+\.(?:css|js)) -->\n')


def read_template(name: str, beside: bool = False) -> str:
    """Read a template of this folder; it begins with the head that the HTML files share.

    Args:
        name: The file; ``<!-- x.css -->`` in it is where the file ``x.css`` goes.
        beside: Whether the page may load pictures and scripts that lie beside it, from the disk
            or from where the page itself comes from.
    """
    template = _read(name).replace('<!-- head -->\n', _read('head.html'))
    for rule in NEVER_BESIDE if beside else ():
        template = template.replace(rule, f"{rule} 'self' file:")
    return PART.sub(lambda mark: _read(mark[1]), template)


def data_uri(image: np.ndarray, lossless: bool = False, quality: int = JPEG_QUALITY) -> str:
    """Encode a picture as the ``src`` of an <img>: PNG if lossless, else JPEG.

    Args:
        image: uint8 (H, W, 3), RGB.
        lossless: Whether every value must arrive.
        quality: Of the JPEG.
    """
    if not lossless:
        return jpeg_uri(encode_jpeg(image, quality))
    data = io.BytesIO()
    Image.fromarray(image).save(data, 'PNG', optimize=True)
    return _uri('png', data.getvalue())


def encode_jpeg(image: np.ndarray, quality: int = JPEG_QUALITY) -> bytes:
    """Encode a picture, uint8 (H, W, 3), RGB, as JPEG."""
    data = io.BytesIO()  # full colour resolution: 4:2:0 would blur coloured texture
    Image.fromarray(image).save(data, 'JPEG', quality=quality, subsampling=0)
    return data.getvalue()


def jpeg_uri(content: bytes) -> str:
    """Make the ``src`` of an <img> of a JPEG file's content."""
    return _uri('jpeg', content)


def definitions(pairs: Iterable[tuple[str, object]]) -> str:
    """A <dl> of escaped (label, value) pairs; nothing for no pairs."""
    rows = ''.join(f'<div><dt>{escape(str(label))}</dt><dd>{escape(str(value))}</dd></div>\n'
                   for label, value in pairs)
    return f'<dl>\n{rows}</dl>\n' if rows else ''


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding='utf-8')


def _uri(kind: str, content: bytes) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(content).decode("ascii")}'
