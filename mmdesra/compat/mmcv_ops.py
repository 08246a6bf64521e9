"""Importing MMagic with mmcv-lite, which has no compiled ops."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from pathlib import Path
from typing import Any, Callable

from .packages import package_folder


class OpStandIns(types.ModuleType):
    """Replaces ``mmcv._ext``: it has every op, and each raises an error when called."""

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('__'):  # what Python itself asks a module for
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')

        def op(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError(
                f'The compiled op {name!r} of mmcv was called, but the mmcv installed here '
                '(mmcv-lite) was built without ops. Install the full `mmcv` to use this model.')

        return op

    def get_compiler_version(self) -> str:
        """What mmcv's report of the environment prints where there are no ops."""
        return 'n/a'

    def get_compiling_cuda_version(self) -> str:
        """What mmcv's report of the environment prints where there are no ops."""
        return 'n/a'


def mend_mmcv_ops() -> bool:
    """Symptom: ``import mmcv.ops`` fails with ``No module named 'mmcv._ext'``.

    mmcv-lite has the Python part of the ops, but not the compiled one. MMagic's models import
    `mmcv.ops` at the top of their files, so none can be imported, though few call an op.
    """
    folder = package_folder('mmcv')
    if (folder is None or 'mmcv._ext' in sys.modules
            or not Path(folder, 'ops').is_dir()
            or importlib.machinery.PathFinder.find_spec('mmcv._ext', [folder])):
        return False
    stand_in = OpStandIns('mmcv._ext', 'Stand-in by mmdesra.compat for ops that were not built.')
    # mmengine asks importlib for the module's spec, and fails if there is none.
    stand_in.__spec__ = importlib.machinery.ModuleSpec('mmcv._ext', loader=None)
    sys.modules['mmcv._ext'] = stand_in
    return True
