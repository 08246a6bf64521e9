"""Recognising kinds of files that are not read as images, for a message that names the kind."""
from __future__ import annotations

from pathlib import Path

SIGNATURES = (
    (0, b'\0\0\0\x0cjP  \r\n\x87\n', 'a JPEG 2000'),
    (0, b'\xff\x4f\xff\x51', 'a JPEG 2000'),
    (0, b'\xff\x0a', 'a JPEG XL'),
    (0, b'\0\0\0\x0cJXL \r\n\x87\n', 'a JPEG XL'),
    (4, b'ftypavif', 'an AVIF (this Pillow is built without)'),
    (4, b'ftypavis', 'an AVIF (this Pillow is built without)'),
    (4, b'ftyphei', 'a HEIC'),
    (4, b'ftyphev', 'a HEIC'),
    (4, b'ftypmif1', 'a HEIC or AVIF'),
    (4, b'ftypmsf1', 'a HEIC or AVIF'),
    (4, b'ftyp', 'a video'),
    (0, b'8BPS', 'a Photoshop document'),
    (0, b'gimp xcf', 'a GIMP document'),
    (0, b'%PDF', 'a PDF'),
    (0, b'%!PS', 'a PostScript document'),
    (0, b'\xc5\xd0\xd3\xc6', 'a PostScript document'),
    (0, b'v/1\x01', 'an OpenEXR'),
    (0, b'#?RADIANCE', 'a Radiance HDR'),
    (0, b'DDS ', 'a DDS'),
    (0, b'\0\0\1\0', 'an icon'),
    (0, b'II\xbc\x01', 'a JPEG XR'),
    (0, b'FUJIFILMCCD-RAW', "a camera's raw file"),
    (0, b'\x93NUMPY', 'a NumPy array'),
    (0, b'PK\3\4', 'a ZIP archive or an OpenRaster or Krita document'),
    (0, b'<svg', 'an SVG'),
    (0, b'<?xml', 'an XML document, perhaps an SVG'),
    (0, b'<!DOCTYPE', 'a web page'),
    (0, b'<html', 'a web page'),
    (0, b'version https://git-lfs', 'a pointer of Git LFS: fetch it with `git lfs pull`'),
)
"""Offset in the file, bytes at that offset, and the kind of file; the first match counts."""


def find_foreign(path: str | Path) -> str | None:
    """Return the kind of a file if it is one of :data:`SIGNATURES`, else None."""
    with Path(path).open('rb') as file:
        head = file.read(40)
    return next((name for place, start, name in SIGNATURES if head.startswith(start, place)), None)
