"""What a run has done, kept while it works, so that a stopped one can be resumed.

``OUT/.progress`` holds a file for each process of each session: its journal, see
:class:`RunJournal`.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
from ..files import make_output_folder
from ..files.image_path import name_of_file
from ..files.records import describe_difference
from ..visualization.report_rows import ReportRow
from .journal import FORMAT, DoneImage, RunJournal, read_journal
from .launch import tell_stopped
from .results import ImageResult

FOLDER = '.progress'
ADVICE = 'run without --resume, which starts anew'
OURS = re.compile(r'(\d{1,9})-(\d{1,9})\.(jsonl|pictures)')
"""Our files; those of pictures are from versions before the report's had files of their own."""

Noted = dict[str, DoneImage]
"""Images by their names without suffix."""


@dataclass(frozen=True)
class Resumed:
    """What a run goes on from.

    Attributes:
        session (int): Number of the run since the first start.
        results (dict): Results of the images that are taken over, by number.
        rows (dict): Rows of the same images in the report.
    """
    session: int = 0
    results: dict[int, ImageResult] = field(default_factory=dict)
    rows: dict[int, ReportRow] = field(default_factory=dict)


class Progress:
    """The folder ``.progress``; it belongs to the run that holds ``out_dir``.

    Args:
        out_dir (Path): Where the results go.
        settings (dict): All that decides them, beside the images.
    """

    def __init__(self, out_dir: Path, settings: dict) -> None:
        self.folder = out_dir / FOLDER
        # As a file gives them back.
        self._settings = json.loads(json.dumps(dict(format=FORMAT, **settings)))

    def noted(self) -> Noted:
        """Return what a stopped run has noted; nothing, if there was none.

        Raises:
            InputError: If it had other settings, or what it has left is damaged.
        """
        noted: Noted = {}
        for path in self._files():
            if path.suffix == '.jsonl':  # what came later was written over what came before
                noted.update({name_of_file(image.result.image): image
                              for image in self._read(path)})
        return noted

    def resume(self, noted: Noted, is_current: Callable[[DoneImage], bool]) -> Resumed:
        """Find out which images need not be done again.

        Args:
            noted (Noted): See :meth:`noted`.
            is_current (Callable): Tells whether an image is as it was, and its files are there.
        """
        results: dict[int, ImageResult] = {}
        rows: dict[int, ReportRow] = {}
        for image in noted.values():
            if is_current(image):
                results[image.number] = image.result
                if image.row:
                    rows[image.number] = image.row
        session = 1 + max((_numbers(path)[0] for path in self._ours()), default=-1)
        return Resumed(session, results, rows)

    @contextmanager
    def kept_if_stopped(self, count: int) -> Iterator[None]:
        """Remove the folder at the end of a block, unless the block is stopped by an error.

        Then it is told how to go on.

        Args:
            count (int): The images of the run, for the message.

        Raises:
            OSError: If the folder cannot be written into.
        """
        make_output_folder(self.folder)
        try:
            yield
        except BaseException:
            noted: Noted = {}
            with suppress(InputError, OSError):
                noted = self.noted()
            if noted:
                tell_stopped(f'stopped: {len(noted)} of {count} images are done; `mmdesra detect '
                             '--resume`, with the same settings, goes on from there')
            else:
                self.remove()
            raise
        self.remove()

    def remove(self) -> None:
        """Remove the folder, and what we have put into it."""
        if self.folder.is_symlink():
            self.folder.unlink()
        for path in self._ours():
            path.unlink(missing_ok=True)
        with suppress(OSError):  # it is not there, or holds something else
            self.folder.rmdir()

    def journal(self, session: int, rank: int) -> RunJournal:
        """Return the journal of a process."""
        return RunJournal(self.folder / f'{session}-{rank}.jsonl', self._settings)

    def _ours(self) -> list[Path]:
        paths = self.folder.iterdir() if self.folder.is_dir() else []
        return sorted((path for path in paths if OURS.fullmatch(path.name)), key=_numbers)

    def _files(self) -> list[Path]:
        """Those of the stopped run, oldest first; links would lead to other files."""
        for path in (self.folder, *self._ours()):
            if path.is_symlink() or (path != self.folder and not path.is_file()):
                raise InputError(f'{path}: expected what a stopped run has left, got a link or '
                                 f'something else; {ADVICE}')
        return self._ours()

    def _read(self, path: Path) -> list[DoneImage]:
        settings, images = read_journal(path, ADVICE)
        if settings not in (None, self._settings):
            raise InputError(f'{path}: the run that was stopped had other settings '
                             f'({describe_difference(settings, self._settings)}). Give the same '
                             f'ones, or {ADVICE}')
        return images


def _numbers(path: Path) -> tuple[int, int, str]:
    session, rank, suffix = path.name.replace('.', '-').split('-')
    return int(session), int(rank), suffix
