"""The files beside a report: the pictures of each image, loaded only when they are looked at."""
from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote

from ..errors import InputError
from ..files.atomic import atomic_path, make_parent, write_bytes
from ..files.records import parse_json, to_record
from .embed import jpeg_uri
from .views import View

DATA_URI = re.compile(r'data:image/(?:jpeg|png);base64,[A-Za-z0-9+/]+={0,2}')
KEY = re.compile(r'[a-z]+')
OURS = re.compile(r'(\d+)\.(?:js|jpg)')
ROWS = re.compile(r'rows-[0-9a-f]{16}\.js')

START, END = b"mmdesraData('", b"');\n"
"""Around the data of a file. A page cannot read a file beside it, but it can load a script."""

FOLDED = str.maketrans({char: f'%{ord(char):02X}' for char in "%'\\<"})
"""What could end the text of a script, in a file or in a page, is written otherwise."""

FOLDER_SIZE = 1000
"""Images whose files are in one folder."""


@dataclass(frozen=True)
class Pictures:
    """All that opens with a click on an image.

    Attributes:
        name: The image.
        size: (width, height) of the image, in px.
        views: Its parts in all their versions.
        regions: x, y, width, height and area of the largest regions, in px of the image.
        strengths: Of the same regions, in grey levels; none: they are not known.
        facts: (label, value) pairs of text.
    """
    name: str
    size: tuple[int, int]
    views: list[View]
    regions: list[list[int]]
    strengths: list[float]
    facts: list[tuple[str, str]]


class ReportFiles:
    """The folder ``NAME_files`` beside a report ``NAME.html``.

    Each image has two files there: a thumbnail, and a script that holds the pictures and the
    texts that open with a click, as data: it calls one function with one string. What is in a
    file is looked through before it gets into a page or is kept from an earlier run, so that a
    file which somebody else has written brings no code into a report.

    Args:
        page: The report.
    """

    def __init__(self, page: Path) -> None:
        self.folder = page.with_name(f'{page.stem}_files')

    def files_of(self, number: int, has_pictures: bool = True) -> list[Path]:
        """Return the files of an image: its thumbnail and, where they are kept, its pictures."""
        return [self._path(number, 'jpg'), *([self._path(number, 'js')] if has_pictures else [])]

    def put(self, number: int, thumb: bytes, pictures: Pictures | None) -> None:
        """Write the files of an image; without pictures the thumbnail alone.

        Raises:
            OSError: If the disk is full.
        """
        write_bytes(make_parent(self._path(number, 'jpg')), thumb, durable=False)
        if pictures is not None:
            content = START + fold(asdict(pictures)).encode() + END
            write_bytes(self._path(number, 'js'), content, durable=False)

    def thumb(self, number: int) -> str:
        """Return a thumbnail as a data URI.

        Raises:
            OSError: If it cannot be read.
        """
        return jpeg_uri(self._path(number, 'jpg').read_bytes())

    def pictures(self, number: int) -> str:
        """Return what opens with a click, as :func:`fold` has written it.

        Raises:
            InputError: If it is damaged.
            OSError: If it cannot be read.
        """
        path = self._path(number, 'js')
        try:
            text = _data_of(path.read_bytes())
            _check_pictures(parse_json(unquote(text)))
        except ValueError as error:
            raise InputError(f'{path}: is damaged ({error}); start the run anew, without '
                             'resuming') from error
        return text

    def is_data(self, number: int) -> bool:
        """Tell whether the pictures of an image are a file that brings no code into a page."""
        try:
            return bool(_data_of(self._path(number, 'js').read_bytes()))
        except (OSError, ValueError):
            return False

    def size_of(self, number: int) -> int:
        """Return the size of an image's pictures, in bytes."""
        return self._path(number, 'js').stat().st_size

    def put_rows(self, rows: Iterable[Sequence]) -> str:
        """Write the whole table, a list for each image.

        Returns:
            The file's name. Another table has another one, so that a page never meets the table
            of a later run.

        Raises:
            OSError: If the disk is full.
        """
        digest, texts = hashlib.sha256(), []
        for row in rows:
            texts.append(fold(row))
            digest.update(texts[-1].encode())
        path = self.folder / f'rows-{digest.hexdigest()[:16]}.js'
        with atomic_path(make_parent(path)) as part, part.open('w', encoding='ascii') as file:
            file.write(START.decode() + '[')
            file.writelines(f',{text}' if place else text for place, text in enumerate(texts))
            file.write(']' + END.decode())
        return path.name

    def keep_rows(self, name: str) -> None:
        """Remove all tables but one; an empty name: all."""
        for path in self._listed(self.folder, ROWS):
            if path.name != name:
                path.unlink()
        self._remove_if_empty(self.folder)

    def keep(self, thumbs: Collection[int], pictures: Collection[int]) -> None:
        """Remove the files of all images but some, and folders that are empty then."""
        wanted = dict(jpg=set(thumbs), js=set(pictures))
        for folder in self._listed(self.folder, re.compile(r'\d+')):
            for path in self._listed(folder, OURS):
                if int(path.stem) not in wanted[path.suffix[1:]]:
                    path.unlink()
            self._remove_if_empty(folder)
        self._remove_if_empty(self.folder)

    def _path(self, number: int, suffix: str) -> Path:
        return self.folder / str(number // FOLDER_SIZE) / f'{number}.{suffix}'

    def _listed(self, folder: Path, pattern: re.Pattern) -> list[Path]:
        if folder.is_symlink() or not folder.is_dir():  # a link would lead to other files
            return []
        return [path for path in folder.iterdir() if pattern.fullmatch(path.name)]

    def _remove_if_empty(self, folder: Path) -> None:
        with suppress(OSError):  # it is not there, or holds something else
            folder.rmdir()


def fold(content: object) -> str:
    """Write data as ASCII text that no script's text can be ended by.

    It is JSON with a few characters in the way of an address; a browser reads it by
    ``JSON.parse(decodeURIComponent(text))``.
    """
    return json.dumps(content, separators=(',', ':')).translate(FOLDED)


def _data_of(content: bytes) -> str:
    """Return the data of a file; nothing but a call with one string may be in it.

    Raises:
        ValueError: If something else is.
    """
    data = content[len(START):-len(END)]
    if content != START + data + END or not data.isascii() or any(
            char in data for char in (b"'", b'\\', b'<', b'\n', b'\r')):
        raise ValueError('expected pictures, got something else')
    return data.decode('ascii')


def _check_pictures(content: object) -> None:
    if not isinstance(content, dict) or not isinstance(content.get('views'), list):
        raise ValueError('expected the views of an image')
    to_record(Pictures, dict(content, views=[]))
    for view in content['views']:
        _check_view(view)


def _check_view(content: object) -> None:
    view = to_record(View, content)
    if len(view.size) != 2:
        raise ValueError('expected a height and a width')
    for key in (view.key, *view.pictures):
        if not KEY.fullmatch(key):
            raise ValueError(f'expected the name of a view or a version, got {key[:60]!r}')
    for uri in view.pictures.values():
        if not DATA_URI.fullmatch(uri):
            raise ValueError('expected a picture')
