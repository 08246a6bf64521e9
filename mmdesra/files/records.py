"""Reading JSON files of this package, which may be damaged, edited or forged."""
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
    'str': (str,), 'int': (int,), 'float': (int, float), 'bool': (bool,), 'dict': (dict,),
    'None': (type(None),)}
"""Annotations that a record's fields may have, joined by ``|``; also ``list[X]``,
``tuple[X, ...]``, ``tuple[X, Y]`` and ``dict[str, X]`` of these."""


def parse_json(text: str) -> Any:
    """Read JSON.

    Raises:
        ValueError: If the text is not JSON, is nested too deep, or has nan or infinity.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError('nested too deep') from error


def read_json(path: str | Path, build: Callable[[Any], Result], advice: str) -> Result:
    """Read a JSON file of this package.

    Args:
        path (str | Path): The file.
        build (Callable): Turns the parsed content into what is returned.
        advice (str): What to do if the file is damaged, for the error.

    Raises:
        InputError: If the file is not JSON, or ``build`` raises an error.
        OSError: If the file cannot be read.
    """
    try:
        return build(parse_json(Path(path).read_text(encoding='utf-8')))
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(f'{path}: is damaged ({type(error).__name__}: {error}); {advice}'
                         ) from error


def to_record(kind: type[Record], entry: object) -> Record:
    """Build a dataclass from an entry of a JSON file.

    Args:
        kind (type): The dataclass; its annotations are built of :data:`TYPES`.
        entry (object): A dict of its fields; a list becomes a tuple if the field is annotated so.

    Raises:
        ValueError: If ``entry`` is not a dict, or a field is missing, unknown or of another type.
    """
    if not isinstance(entry, Mapping):
        raise ValueError(f'expected a {kind.__name__}, got {_short(entry)}')
    values = dict(entry)
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass, which no bound can say
        if field.name in values:
            try:
                values[field.name] = _converted(values[field.name], str(field.type))
            except ValueError:
                raise ValueError(f'expected {field.name} to be {field.type}, '
                                 f'got {_short(values[field.name])}') from None
    try:
        return kind(**values)
    except TypeError as error:  # a field is missing, or unknown
        raise ValueError(str(error)) from error


def plain_name(name: object) -> str:
    """Return a file's name after checking that it has no folder in it.

    Raises:
        ValueError: If it is not a plain file name.
    """
    if not isinstance(name, str) or Path(name).name != name or name in ('', '..') or '\0' in name:
        raise ValueError(f'expected a plain file name, got {_short(name)}')
    return name


def plain_path(name: object) -> str:
    """Return a relative path such as ``sub/a.png`` after checking that it stays in its folder.

    Raises:
        ValueError: If it does not, or is no text.
    """
    if not isinstance(name, str):
        raise ValueError(f'expected the name of a file, got {_short(name)}')
    for part in name.split('/'):
        plain_name(part)
    return name


def describe_difference(found: Mapping, wanted: Mapping) -> str:
    """Say in which settings two nested dicts differ: those in a file, and those of this run."""
    found, wanted = _flatten(found), _flatten(wanted)
    keys = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
    return '; '.join(f'{key}: there {_short(found.get(key), str)}, now '
                     f'{_short(wanted.get(key), str)}' for key in keys)


def _flatten(settings: Mapping, prefix: str = '') -> dict:
    flat: dict = {}
    for key, value in settings.items():
        flat.update(_flatten(value, f'{prefix}{key}.') if isinstance(value, Mapping)
                    else {f'{prefix}{key}': value})
    return flat


def _converted(value: Any, annotation: str) -> Any:
    """Return a JSON value as its annotated type; raises a ValueError if it has another."""
    for name in annotation.split(' | '):
        kind, _, inside = name.partition('[')
        inside = inside[:-1]  # the closing bracket
        if kind == 'list' and isinstance(value, list):
            return [_converted(one, inside) for one in value]
        if kind == 'tuple' and isinstance(value, list):
            first, *others = inside.split(', ')
            parts = [first] * len(value) if others == ['...'] else [first, *others]
            if len(parts) == len(value):
                return tuple(map(_converted, value, parts))
        if kind == 'dict' and inside and isinstance(value, dict):
            return {key: _converted(one, inside[len('str, '):]) for key, one in value.items()}
        if isinstance(value, TYPES.get(name, ())) and (
                name == 'bool' or not isinstance(value, bool)):
            return value
    raise ValueError


def _refuse_constant(name: str) -> None:
    raise ValueError(f'expected a number, got {name}')


def _short(value: object, to_text: Callable[[object], str] = repr) -> str:
    text = to_text(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
