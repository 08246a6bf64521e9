"""Loading checkpoints that mmengine wrote with ``weights_only=True``."""

from __future__ import annotations

import io
import pickle
from typing import Any, Callable, cast

import numpy as np
import torch


def mend_checkpoint_globals() -> bool:
    """Symptom: loading an mmengine checkpoint fails, ``Unsupported global: ... HistoryBuffer``.

    Since PyTorch 2.6 a checkpoint may by default contain only objects of known classes, and
    mmengine 0.10 writes its log history as objects of its own. Exactly the classes and functions
    that it writes are made known; files that name others are refused as before.
    """
    if not hasattr(torch.serialization, 'add_safe_globals') or can_load_history():
        return False
    torch.serialization.add_safe_globals(checkpoint_globals())
    return True


def can_load_history() -> bool:
    """Whether PyTorch loads a log history of mmengine with ``weights_only=True``."""
    from mmengine.logging.history_buffer import HistoryBuffer
    file = io.BytesIO()
    torch.save(HistoryBuffer([1.0], [1]), file)
    file.seek(0)
    try:
        torch.load(file, weights_only=True)
    except pickle.UnpicklingError:
        return False
    return True


def checkpoint_globals() -> list[Any]:
    """Lists the classes and functions that the `message_hub` of an mmengine checkpoint names.

    A log history is a `HistoryBuffer` with NumPy arrays and a table of its own methods, which
    pickle writes as ``getattr(HistoryBuffer, 'mean')``. The best scores are NumPy scalars.
    """
    from mmengine.logging.history_buffer import HistoryBuffer

    def history_method(owner: Any, name: str) -> Callable:
        # The real getattr would let a file reach any attribute of any object.
        if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
            raise pickle.UnpicklingError(
                'Expected a checkpoint to ask for a statistic of HistoryBuffer only, '
                f'but got getattr({owner!r}, {name!r})')
        return getattr(HistoryBuffer, name)

    array, scalar = np.zeros(0), np.float64(0)
    reconstruct, make_scalar = (cast(Callable, value.__reduce__()[0]) for value in (array, scalar))
    dtypes = [type(np.dtype(name)) for name in ('float32', 'float64', 'int64')]
    return [
        HistoryBuffer,
        known_as('builtins.getattr', history_method),
        np.ndarray,
        np.dtype,
        *dtypes,
        # NumPy 2 renamed the module; a file may have been written with either version.
        *(known_as(f'numpy.{core}.multiarray._reconstruct', reconstruct)
          for core in ('core', '_core')),
        *(known_as(f'numpy.{core}.multiarray.scalar', make_scalar) for core in ('core', '_core')),
    ]


def known_as(path: str, function: Callable) -> Callable:
    """Wraps a function so that a checkpoint can name it by another dotted name."""

    def wrapper(*args: Any) -> Any:
        return function(*args)

    wrapper.__module__, _, wrapper.__name__ = path.rpartition('.')
    wrapper.__qualname__ = wrapper.__name__
    return wrapper
