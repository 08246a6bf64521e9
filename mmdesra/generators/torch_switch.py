"""PyTorch's own switch between reading weights only and running what is in a file."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..files.environment import environment

STRICT, LAX = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD', 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
"""Environment variables that ``torch.load`` looks at in each call; both at once are an error."""


@contextmanager
def torch_switch(strict: bool | None) -> Iterator[None]:
    """Have every ``torch.load`` of the process read weights only, whatever it is called with.

    What somebody has set otherwise is set again at the end.

    Args:
        strict (bool, optional): None takes both variables away instead.
    """
    with environment({STRICT: '1' if strict else None, LAX: '1' if strict is False else None}):
        yield
