"""What may become of a case: a right answer, or an error of ours that names the file."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mmdesra.errors import InputError

RIGHT, REFUSED = 'right', 'refused'


class Fault(AssertionError):
    """A case that ended neither in a right answer nor in a clear error."""


class Refusal(Exception):
    """An error of ours that is as it should be."""


def ask(read: Callable[[], Any], *names: str | Path) -> Any:
    """Return what the library answers.

    Raises:
        Refusal: If it is an :class:`InputError` that says something and names one of the files.
        Fault: If it is one that does not.
    """
    try:
        return read()
    except InputError as error:
        check_message(str(error), *names)
        raise Refusal(str(error)) from error


def check_message(message: str, *names: str | Path) -> None:
    """Require that a message names one of the files and says more than that."""
    named = [str(name) for name in names if str(name) in message]
    check(bool(named), f'names none of {[str(name) for name in names]}: {message!r}')
    # An exception without a message leaves brackets with nothing in them.
    check(len(message) > len(named[0]) + 8 and not re.search(r'\s\(\s*\)$|: \)', message),
          f'says nothing: {message!r}')
    check(len(message) < 20_000, f'{len(message)} characters: {message[:300]!r} …')


def check(is_right: bool, what: str) -> None:
    if not is_right:
        raise Fault(what)


def check_equal(found: np.ndarray, wanted: np.ndarray, what: str) -> None:
    """Require equal arrays, of equal shape and type."""
    check(found.shape == wanted.shape and found.dtype == wanted.dtype,
          f'{what}: {found.shape} {found.dtype} instead of {wanted.shape} {wanted.dtype}')
    check(np.array_equal(found, wanted),
          f'{what}: {np.count_nonzero(found != wanted)} of {wanted.size} values are wrong')
