"""Environment variables: set for a while, and read."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..errors import InputError


@contextmanager
def environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables of this process, and of those that it starts, in a block.

    At its end they are as before, whatever the block has made of them.

    Args:
        variables (Mapping[str, str | None]): Name to value; None takes a variable away.
    """
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def number_from(name: str, default: int) -> int:
    """Read a whole number from the environment.

    Raises:
        InputError: If it is none.
    """
    text = os.environ.get(name) or str(default)
    if not text.isdecimal():
        raise InputError(f'{name}={text}: expected a whole number in the environment')
    return int(text)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
