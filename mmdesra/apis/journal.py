"""The journal of a run: the images that are done, a JSON line each."""
from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ..errors import InputError
from ..files import ImageError
from ..files.atomic import cannot_write
from ..files.image_path import composed
from ..files.records import parse_json, to_record
from ..generators import PairSource
from ..segmentors import LabelSource
from ..visualization.report_rows import ReportRow
from .results import ImageResult

FORMAT = 3
"""Of the lines; a journal of another one is not gone on from."""

Signature = list[tuple[str, int, int]]
"""Of files: path, size and time of the last change (ns) of each."""


def signature(source: PairSource, labels: LabelSource | None, path: Path) -> Signature:
    """Return the signature of the files that a pair and its label map are made from.

    It is to be taken before any of them is read, so that none can change unseen. Empty, like
    nothing that is noted, if one is missing or there are none.
    """
    try:
        stored = labels.stored_file(path) if labels else None
        files = [*source.files_of(path), *([stored] if stored else [])]
        return [(composed(str(file.resolve())), status.st_size, status.st_mtime_ns)
                for file in files for status in [file.stat()]]
    except (ImageError, OSError):
        return []


def sizes_of(files: Sequence[Path]) -> list[int]:
    """Return the size of each file, in bytes; 0 where it is not there."""
    return [file.stat().st_size if file.is_file() else 0 for file in files]


@dataclass(frozen=True)
class DoneImage:
    """An image whose files are written.

    Attributes:
        number (int): Its place among all images.
        made_from (Signature): The files that it is made from.
        sizes (list[int]): Of the files that are written, in bytes; see
            :meth:`ResultWriter.all_files_of`.
        result (ImageResult): Its row of the table.
        row (ReportRow, optional): Its row of the report; None without a report.
    """
    number: int
    made_from: Signature
    sizes: list[int]
    result: ImageResult
    row: ReportRow | None = None

    @classmethod
    def parse(cls, line: str) -> DoneImage:
        """Read a line of a journal.

        Raises:
            ValueError: If it is damaged.
        """
        content = to_record(_Line, parse_json(line))
        row = None if content.row is None else to_record(ReportRow, content.row)
        result = to_record(ImageResult, content.result)
        if result.error or (row and (row.error or min([row.pixels, *row.areas]) < 1
                                     or row.name != result.image)):
            raise ValueError('expected an image that was not skipped')
        return cls(content.number, content.made_from, content.sizes, result, row)


@dataclass(frozen=True)
class _Line:
    number: int
    made_from: list[tuple[str, int, int]]
    sizes: list[int]
    result: dict
    row: dict | None


@dataclass(frozen=True)
class _FirstLine:
    settings: dict


class RunJournal:
    """The images that a process has done, a JSON line each; made with the first one.

    Args:
        path (Path): The file, a new one.
        settings (dict): What its first line says.
    """

    def __init__(self, path: Path, settings: dict) -> None:
        self._path = path
        self._settings = settings
        self._file: IO | None = None

    def add(self, image: DoneImage) -> None:
        """Note an image whose files are written.

        Raises:
            OSError: If the disk is full.
        """
        try:
            if self._file is None:
                self._file = self._path.open('x', encoding='utf-8')
                self._write(dict(settings=self._settings))
            self._write(asdict(image))
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def close(self) -> None:
        """Close the file; it stays."""
        if self._file is not None:
            with suppress(OSError):  # that which could not be written has been told
                self._file.close()

    def _write(self, content: dict) -> None:
        assert self._file is not None
        self._file.write(json.dumps(content) + '\n')
        self._file.flush()


def read_journal(path: Path, advice: str) -> tuple[dict | None, list[DoneImage]]:
    """Read a journal.

    Args:
        path (Path): The file.
        advice (str): What to do if it is damaged, for the error.

    Returns:
        tuple: The settings, and the images. None and no image if a kill has torn the first line;
        a last line that is torn is left out. No image if the lines have another format.

    Raises:
        InputError: If it is damaged elsewhere.
    """
    try:
        lines = path.read_text(encoding='utf-8').split('\n')[:-1]
        if not lines:
            return None, []
        settings = to_record(_FirstLine, parse_json(lines[0])).settings
        if settings.get('format') != FORMAT:
            return settings, []
        return settings, [DoneImage.parse(line) for line in lines[1:]]
    except ValueError as error:
        raise InputError(f'{path}: is damaged ({error}); {advice}') from error
