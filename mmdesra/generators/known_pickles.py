"""Unpickling checkpoints that name only what PyTorch and mmengine write, on every PyTorch.

Before PyTorch 2.4 ``torch.load(weights_only=True)`` cannot be told further types, and refuses the
log history that every checkpoint of mmengine holds. There an unpickler of our own knows the same
types as PyTorch's does later, and no others.
"""
from __future__ import annotations

import codecs
import pickle
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
import torch

from ..compat.checkpoints import checkpoint_globals
from .torch_switch import torch_switch


def load_known(file: BinaryIO, map_location: Any) -> Any:
    """Unpickle a checkpoint that names only types which PyTorch and mmengine write.

    Raises:
        pickle.UnpicklingError: If it names anything else; nothing of it has been run.
    """
    can_be_told = hasattr(torch.serialization, 'add_safe_globals')
    if can_be_told:
        # Registered each time, because onedl-mmengine removes those that it knows after a load.
        torch.serialization.add_safe_globals(_of_mmengine())
    try:
        return torch.load(file, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError:
        if can_be_told:
            raise
    file.seek(0)
    return _load_by_own_means(file, map_location)


def _load_by_own_means(file: BinaryIO, map_location: Any) -> Any:
    with torch_switch(None):  # PyTorch takes no pickle module while it is told to be strict
        return torch.load(file, map_location=map_location, pickle_module=_MODULE,
                          weights_only=False)


PYTHONS_OWN: Any = vars(pickle)['_Unpickler']


class _Unpickler(PYTHONS_OWN):
    """Python's own in Python: of the one in C only the look-up of names can be restricted."""

    dispatch = dict(PYTHONS_OWN.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        module, name = NAME_MAPPING.get((module, name),
                                        (IMPORT_MAPPING.get(module, module), name))
        known = _known()
        if f'{module}.{name}' not in known:
            raise pickle.UnpicklingError(f'Unsupported global: GLOBAL {module}.{name}')
        return known[f'{module}.{name}']

    def load_build(self) -> None:
        """Set the state of a known kind of object; of a class or a function it is refused."""
        found = type(self.stack[-2])
        if not issubclass(found, _with_state()):
            raise pickle.UnpicklingError(f'Unsupported state of a {found.__name__}')
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def _load(file: BinaryIO, **options: Any) -> Any:
    return _Unpickler(file, **options).load()


_MODULE: Any = SimpleNamespace(__name__=__name__, Unpickler=_Unpickler, load=_load,
                               UnpicklingError=pickle.UnpicklingError)
"""What ``torch.load`` asks of a pickle module."""


@lru_cache(maxsize=1)
def _of_mmengine() -> list[Any]:
    return checkpoint_globals()


@lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    from torch._weights_only_unpickler import _get_allowed_globals
    ours = {f'{item.__module__}.{item.__qualname__}': item for item in _of_mmengine()}
    # With the second protocol pickle writes bytes, which NumPy's scalars have, as a call of it.
    return {**_get_allowed_globals(), '_codecs.encode': codecs.encode, **ours}


@lru_cache(maxsize=1)
def _with_state() -> tuple[type, ...]:
    from mmengine.logging.history_buffer import HistoryBuffer
    return HistoryBuffer, np.ndarray, np.dtype, dict, torch.Tensor
