"""distutils, which Python 3.12 no longer has."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from .packages import package_folder

GONE = (3, 12)
SHIM = '_distutils_hack'
"""What setuptools loads when Python starts, where it is installed in the usual way."""


class DistutilsOfSetuptools(MetaPathFinder):
    """Finds distutils in setuptools; it is asked last, and only if somebody wants it."""

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        """Let setuptools offer its copy; see :meth:`importlib.abc.MetaPathFinder.find_spec`."""
        if name != 'distutils' or SHIM in sys.modules or package_folder('setuptools') is None:
            return None
        import_module('setuptools')  # it puts a finder of its own first
        return find_spec('distutils')


def mend_distutils() -> bool:
    """Symptom: ``No module named 'distutils'`` when mmengine's Runner describes the machine.

    setuptools brings a copy, but only when Python reads its ``.pth`` file at the start, which it
    does not where the packages are on a path of another kind, such as ``PYTHONPATH``.
    """
    is_there = sys.version_info < GONE or SHIM in sys.modules
    if is_there or any(isinstance(finder, DistutilsOfSetuptools) for finder in sys.meta_path):
        return False
    sys.meta_path.append(DistutilsOfSetuptools())
    return True
