"""The file in which a report's pictures wait until its table is known."""
from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ..errors import InputError
from ..files.atomic import cannot_write
from ..files.records import parse_json, to_record
from .views import View

DATA_URI = re.compile(r'data:image/(?:jpeg|png);base64,[A-Za-z0-9+/]+={0,2}')
KEY = re.compile(r'[a-z]+')
Place = tuple[int, int]
"""Where something stands in a spool: (start, length) in bytes."""


@dataclass(frozen=True)
class Pictures:
    """All that opens with a click on an image: its views, and (label, value) pairs of text."""
    views: list[View]
    facts: list[tuple[str, str]]


class Spool:
    """Pictures in a file, each found again by its place.

    They are kept as JSON and looked through when they are read, so that a file which somebody
    else has written brings nothing but pictures and text into a report.

    Args:
        file: Readable; writable, too, unless only what is there is read.
        path: Its name, for errors; of an unnamed file that which it is for.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.path = path
        self._file = file

    @classmethod
    def unnamed(cls, beside: Path) -> Spool:
        """Make one on the disk of another file; it is gone when it is closed."""
        return cls(tempfile.TemporaryFile(dir=beside.parent), beside)

    @classmethod
    def create(cls, path: Path) -> Spool:
        """Make a new file, which stays.

        Raises:
            OSError: If that cannot be done, or it is there already.
        """
        return cls(path.open('x+b'), path)

    @classmethod
    def open(cls, path: Path) -> Spool:
        """Open one to read it.

        Raises:
            OSError: If that cannot be done.
        """
        return cls(path.open('rb'), path)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._file.close()

    def put_thumb(self, uri: str) -> Place:
        """Add a thumbnail.

        Raises:
            OSError: If the disk is full.
        """
        return self._put(uri)

    def put_pictures(self, views: Sequence[View], facts: Sequence[tuple[str, object]]) -> Place:
        """Add what opens with a click.

        Raises:
            OSError: If the disk is full.
        """
        return self._put(dict(views=[asdict(view) for view in views],
                              facts=[[str(label), str(value)] for label, value in facts]))

    def thumb(self, place: Place) -> str:
        """Return a thumbnail, a data URI.

        Raises:
            InputError: If it is damaged.
        """
        try:
            return _checked_uri(self._get(place))
        except ValueError as error:
            raise self._damaged(error) from error

    def pictures(self, place: Place) -> Pictures:
        """Return what opens with a click.

        Raises:
            InputError: If it is damaged.
        """
        try:
            content = self._get(place)
            views = [_checked_view(view) for view in content['views']]
            facts = [(str(label), str(value)) for label, value in content['facts']]
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(error) from error
        return Pictures(views, facts)

    def _put(self, content: object) -> Place:
        try:
            start = self._file.seek(0, os.SEEK_END)
            length = self._file.write(json.dumps(content).encode() + b'\n')
            self._file.flush()  # what is noted as done must be there after a kill
        except OSError as error:
            raise cannot_write(self.path, error) from error
        return start, length

    def _get(self, place: Place) -> Any:
        start, length = place
        self._file.seek(start)
        return parse_json(self._file.read(length).decode())

    def _damaged(self, error: Exception) -> InputError:
        return InputError(f'{self.path}: is damaged ({type(error).__name__}: {error}); start '
                          'the run anew, without resuming')


def _checked_uri(uri: object) -> str:
    if not isinstance(uri, str) or not DATA_URI.fullmatch(uri):
        raise ValueError('expected a picture')
    return uri


def _checked_view(content: object) -> View:
    view = to_record(View, content)
    if len(view.size) != 2:
        raise ValueError('expected a height and a width')
    for key in (view.key, *view.pictures):  # they become ids
        if not KEY.fullmatch(key):
            raise ValueError(f'expected the name of a view or a version, got {key[:60]!r}')
    for uri in view.pictures.values():
        _checked_uri(uri)
    return view
