"""Libraries that load weights by themselves, kept from running what is in a file.

mmengine loads ``load_from``, what a run is resumed from, and ``init_cfg`` of the type Pretrained;
MMagic's and mmseg's networks load what is given as ``pretrained``. Some versions of mmengine
unpickle a file that holds more than weights. Within :class:`SafeLoading` each of them reads with
:func:`read_checkpoint`, or with ``torch.load`` that is told to read weights only.

:mod:`mmdesra.engine.safe_runs` puts the two functions for mmengine in place, and says which runs
they serve: outside the block mmengine's own are called, and nothing changes for other programs.
"""
from __future__ import annotations

import logging
import os
import pickle
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from .checkpoint_reader import CheckpointError, cannot_unpickle, first_line, read_checkpoint
from .torch_switch import torch_switch

logger = logging.getLogger('mmdesra')

TORCH_LOAD = 'torch.serialization', 'load'


class SafeLoading:
    """A block in which no library of the process runs code from a file of weights.

    It may be entered within itself, and by several threads at once.

    Raises:
        CheckpointError: For what ``torch.load`` has refused inside, naming the file: PyTorch's
            own error advises to run what is in it.
    """
    _lock = threading.Lock()
    _depth = 0
    _switch: AbstractContextManager | None = None

    @classmethod
    def is_on(cls) -> bool:
        """Whether the program is in such a block."""
        return cls._depth > 0

    def __enter__(self) -> None:
        cls = SafeLoading
        with cls._lock:
            if not cls._depth:
                cls._switch = torch_switch(True)
                cls._switch.__enter__()
            cls._depth += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        cls = SafeLoading
        with cls._lock:
            cls._depth -= 1
            if not cls._depth and cls._switch is not None:
                cls._switch.__exit__(None, None, None)
        if isinstance(error, (pickle.UnpicklingError, RuntimeError)):
            source = _source_of(trace)
            if source is not None:
                raise _refuse(source, error) from error


def load_local(original: Callable) -> Callable:
    """Return mmengine's loader of local files, which in a :class:`SafeLoading` block is ours.

    Args:
        original (Callable): ``loader(filename, map_location)``.
    """
    @wraps(original)  # mmengine's log has a part of its name
    def load(filename: str, map_location: Any = None) -> Any:
        if not SafeLoading.is_on():
            return original(filename, map_location)
        return _without_program(filename, read_checkpoint(
            filename, 'cpu' if map_location is None else map_location))

    return load


def load_any(original: Callable) -> Callable:
    """Return the function that onedl-mmengine loads with, which tries weights only at first."""
    @wraps(original)
    def load(file: Any, map_location: Any = None, **options: Any) -> Any:
        if not SafeLoading.is_on():
            return original(file, map_location, **options)
        return torch.load(file, map_location=map_location, weights_only=True)

    return load


def _without_program(path: str, content: Any) -> Any:
    """Take a config's text out of a checkpoint, which mmengine's ``resume`` would run.

    mmengine itself writes none: it calls its own, which nothing runs, ``cfg``.
    """
    meta = content.get('meta')
    if isinstance(meta, dict) and meta.pop('config', None) is not None:
        logger.warning('%s: its meta.config is a program, and is not run', path)
    return content


def _source_of(trace: TracebackType | None) -> str | None:
    """Return what ``torch.load`` was reading when an error came from it; None if none did."""
    source = None
    while trace is not None:
        frame = trace.tb_frame
        if (frame.f_globals.get('__name__'), frame.f_code.co_name) == TORCH_LOAD:
            file = frame.f_locals.get('f')
            name = file if isinstance(file, (str, os.PathLike)) else getattr(file, 'name', None)
            source = str(name) if isinstance(name, (str, Path)) else 'a checkpoint'
        trace = trace.tb_next
    return source


def _refuse(source: str, error: Exception) -> CheckpointError:
    if isinstance(error, pickle.UnpicklingError):
        return cannot_unpickle(source, error)
    return CheckpointError(f'{source}: cannot be read as a checkpoint ({first_line(error)})')
