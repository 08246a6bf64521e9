"""What of a cure is done, so that a stopped one goes on."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import make_output_folder
from ...files.records import describe_difference, read_json
from ...files.tables import write_json
from ..processes import call_in_first

FILE = 'steps.json'
FORMAT = 4
"""Of the steps: raised where a cure that was begun before would end otherwise."""


class Steps:
    """The finished steps of a cure, each with what it found, in ``WORK/steps.json``.

    Of several processes the first one reads and writes, and all know.

    Args:
        work (Path): Folder of what a cure keeps while it works.
        settings (dict): All that decides the result.

    Raises:
        InputError: If a cure with other settings, or by another version that works otherwise,
            was begun in the folder.
    """

    def __init__(self, work: Path, settings: dict) -> None:
        self.path = work / FILE
        # As a file gives them back.
        self._settings = json.loads(json.dumps(dict(format=FORMAT, **settings)))
        self._done: dict[str, Any] = call_in_first(self._begin)

    def do(self, name: str, work: Callable[[], Any], together: bool = False) -> Any:
        """Do a step, unless it is done.

        Args:
            name (str): Its name.
            work (Callable): Returns what it found, for JSON.
            together (bool): Whether all processes work on it; else the first one does, and the
                others wait.

        Returns:
            What it found, now or then.
        """
        if name not in self._done:
            found = work() if together else call_in_first(work)
            self._done[name] = json.loads(json.dumps(found))
            call_in_first(self._write)
        return self._done[name]

    def knows(self, name: str) -> bool:
        """Whether a step is done."""
        return name in self._done

    def _begin(self) -> dict[str, Any]:
        if not self.path.is_file():
            make_output_folder(self.path.parent)
            self._done = {}
            self._write()
            return {}
        settings, done = read_json(self.path, lambda content: (
            dict(content['settings']), dict(content['done'])), 'use another folder (--out)')
        if settings.get('format') != FORMAT:
            raise InputError(f'{self.path}: the cure in this folder was begun by another version '
                             'of mmdesra, which works otherwise. Name another folder (--out), or '
                             'delete this one')
        if settings != self._settings:
            raise InputError(
                f'{self.path}: a cure with other settings was begun in this folder '
                f'({describe_difference(settings, self._settings)}). Give the same ones to go on '
                'with it, or another folder (--out)')
        return done

    def _write(self) -> None:
        write_json(self.path, dict(settings=self._settings, done=self._done))
