"""Setting environment variables for a block, and reading numbers from them."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..errors import InputError


@contextmanager
def environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables during a block, for this process and those that it starts.

    At the end of the block these variables are restored, even if the block has changed them.

    Args:
        variables (Mapping[str, str | None]): Name to value; None removes a variable.
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
        InputError: If the variable holds anything else.
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
