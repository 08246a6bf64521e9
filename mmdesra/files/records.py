"""Reading JSON that somebody may have damaged, edited or forged."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError

Record = TypeVar('Record')
Result = TypeVar('Result')

TYPES: dict[str, tuple[type, ...]] = {
    'str': (str,), 'int': (int,), 'float': (int, float), 'dict': (dict,), 'None': (type(None),)}
"""What the values of a record may be annotated with, joined by ``|``."""


def parse_json(text: str) -> Any:
    """Read JSON.

    Raises:
        ValueError: If it is none, is nested too deep, or has nan or infinity, which none of our
            files has.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError('nested too deep') from error


def read_json(path: str | Path, build: Callable[[Any], Result], advice: str) -> Result:
    """Read a JSON file of ours.

    Args:
        path (str | Path): The file.
        build (Callable): Makes of its content what is wanted.
        advice (str): What to do if it is damaged, for the error.

    Raises:
        InputError: If it is no JSON, or ``build`` misses something in it.
        OSError: If it cannot be read.
    """
    try:
        return build(parse_json(Path(path).read_text(encoding='utf-8')))
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(f'{path}: is damaged ({type(error).__name__}: {error}); {advice}'
                         ) from error


def to_record(kind: type[Record], entry: object) -> Record:
    """Build a dataclass from what a file says.

    Args:
        kind (type): The dataclass; its annotations are built of :data:`TYPES`.
        entry (object): What should be a dict of its fields.

    Raises:
        ValueError: If it is not, or a value has another type than is annotated.
    """
    if not isinstance(entry, Mapping):
        raise ValueError(f'expected a {kind.__name__}, got {_short(entry)}')
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass, which no bound can say
        value = entry.get(field.name)
        allowed = [one for name in str(field.type).split(' | ') for one in TYPES[name]]
        if field.name in entry and (not isinstance(value, tuple(allowed))
                                    or isinstance(value, bool)):
            raise ValueError(f'expected {field.name} to be {field.type}, got {_short(value)}')
    try:
        return kind(**entry)
    except TypeError as error:  # a field is missing, or unknown
        raise ValueError(str(error)) from error


def plain_name(name: object) -> str:
    """Return a file's name if it is one, and leads to no other folder.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(name, str) or Path(name).name != name or name in ('', '..') or '\0' in name:
        raise ValueError(f'expected a plain file name, got {_short(name)}')
    return name


def _refuse_constant(name: str) -> None:
    raise ValueError(f'expected a number, got {name}')


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
