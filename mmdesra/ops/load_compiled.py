"""The parts that numba compiles, and what stands in for them where it is not."""
from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from importlib import import_module

logger = logging.getLogger('mmdesra')


@cache
def load_compiled(module: str, name: str) -> Callable | None:
    """Return a compiled function of this package; None where there is no numba that works here.

    It takes half a second to import numba, so this is called where the function is. Without it,
    which is said once, the caller computes the same by other means.

    Args:
        module (str): Module of :mod:`mmdesra.ops`.
        name (str): The function in it.
    """
    try:
        return getattr(import_module(f'{__package__}.{module}'), name)
    except ImportError as error:  # not there, or one that refuses this NumPy or this Python
        _tell(str(error))
        return None


@cache
def _tell(reason: str) -> None:
    logger.warning('numba cannot be used (%s): maps on the CPU are made without it, the same but '
                   'several times slower', reason)
