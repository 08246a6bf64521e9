"""Results of long runs: what was done already is not done again."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from mmdesra.errors import InputError
from mmdesra.files import make_output_folder
from mmdesra.files.tables import write_json

SETTINGS = 'settings.json'


def hold_settings(folder: Path, settings: Mapping[str, object]) -> None:
    """Note what the figures in a folder are of, and refuse a folder with figures of others.

    Args:
        folder (Path): An output folder that is there.
        settings (Mapping): Whatever decides the figures; as JSON can hold it.

    Raises:
        InputError: If the folder was begun with other settings; it names those that differ.
    """
    note = folder / SETTINGS
    if note.is_file():
        before = json.loads(note.read_text('utf-8'))
        # As they are read again: with lists for tuples.
        now = json.loads(json.dumps(settings))
        others = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        if others:
            raise InputError(f'{folder}: holds figures of other settings ({", ".join(others)}); '
                             'give another --out, or delete it if it is not needed')
    write_json(note, settings)


def once(path: Path, run: Callable[[], dict]) -> dict:
    """Return the result that stands in a file, or run it and write it there."""
    if not path.is_file():
        result = run()
        make_output_folder(path.parent)
        write_json(path, result)
    return json.loads(path.read_text(encoding='utf-8'))
