"""The journal of an upscaling run: the images that are done, so that a stopped run can resume."""
from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ..errors import InputError
from ..files.atomic import cannot_write
from ..files.image_path import composed
from ..files.records import describe_difference, parse_json, plain_path, to_record
from .journal import sizes_of
from .launch import tell_stopped

NAME = '.upscale.jsonl'
FORMAT = 1
ADVICE = 'run without --resume, which starts anew'


@dataclass(frozen=True)
class DoneFile:
    """An image whose results are written.

    Attributes:
        image (str): The LR image, see :func:`mmdesra.files.image_path.shown_name`.
        made_from (tuple): Size of the LR file in bytes, and the time of its last change in ns.
        files (tuple[str, ...]): The files written, by their places below the output folder.
        sizes (tuple[int, ...]): The sizes of these files in bytes.
        regions (int): Number of artifacts that were healed.
        healed (int): Number of pixels of these artifacts.
    """
    image: str
    made_from: tuple[int, int]
    files: tuple[str, ...]
    sizes: tuple[int, ...]
    regions: int = 0
    healed: int = 0


@dataclass(frozen=True)
class _FirstLine:
    settings: dict


def signature(path: Path) -> tuple[int, int]:
    """Return the size of a file and the time of its last change; zeros if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


class UpscaleJournal:
    """The file ``OUT/.upscale.jsonl``: settings, then a line for each image that is done.

    Only the run that has locked the output folder writes it. A run that completes removes it.

    Args:
        out_dir (Path): The output folder.
        settings (dict): All settings on which the results depend, beside the images.
    """

    def __init__(self, out_dir: Path, settings: dict) -> None:
        self.path = out_dir / NAME
        self._out_dir = out_dir
        self._settings = json.loads(json.dumps(dict(format=FORMAT, **settings)))
        self._file: IO | None = None

    def noted(self) -> dict[str, DoneFile]:
        """Return the images that a stopped run has done and whose files still exist.

        Raises:
            InputError: If that run had other settings, or the journal is damaged.
        """
        if self.path.is_symlink() or not self.path.is_file():
            return {}
        try:
            lines = self.path.read_text(encoding='utf-8').split('\n')[:-1]  # the last may be torn
            if not lines:
                return {}
            settings = to_record(_FirstLine, parse_json(lines[0])).settings
            if settings != self._settings:
                raise InputError(f'{self.path}: the run that was stopped had other settings '
                                 f'({describe_difference(settings, self._settings)}). Give the '
                                 f'same ones, or {ADVICE}')
            done = [to_record(DoneFile, parse_json(line)) for line in lines[1:]]
            for one in done:
                for file in one.files:
                    plain_path(file)
        except ValueError as error:
            raise InputError(f'{self.path}: is damaged ({error}); {ADVICE}') from error
        return {composed(one.image): one for one in done if self._is_there(one)}

    @contextmanager
    def kept_if_stopped(self, before: Sequence[DoneFile], count: int) -> Iterator[None]:
        """Write the journal during a block; remove it at the end, unless an error stops the block.

        Args:
            before (Sequence[DoneFile]): The images that an earlier run has done.
            count (int): Number of images of the run, for the message.
        """
        done = 0
        self.path.unlink(missing_ok=True)
        try:
            self._write(dict(settings=self._settings))
            for one in before:
                self.add(one)
            yield
        except BaseException:
            with suppress(InputError, OSError):
                done = len(self.noted())
            self._close()
            if done:
                tell_stopped(f'stopped: {done} of {count} images are done; the same command with '
                             '--resume goes on from there')
            else:
                self.path.unlink(missing_ok=True)
            raise
        self._close()
        self.path.unlink(missing_ok=True)

    def add(self, done: DoneFile) -> None:
        """Add an image whose results are written.

        Raises:
            OSError: If the disk is full.
        """
        self._write(asdict(done))

    def _write(self, content: dict) -> None:
        try:
            if self._file is None:
                self._file = self.path.open('x', encoding='utf-8')
            self._file.write(json.dumps(content) + '\n')
            self._file.flush()
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # the write error has been reported already
                self._file.close()
            self._file = None

    def _is_there(self, done: DoneFile) -> bool:
        sizes = sizes_of([self._out_dir / file for file in done.files])
        return bool(sizes) and tuple(sizes) == done.sizes and min(sizes) > 0
