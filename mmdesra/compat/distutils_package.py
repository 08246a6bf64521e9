"""distutils, which Python 3.12 removed, from setuptools."""

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
"""The module with which setuptools offers distutils; usually it is loaded when Python starts."""


class DistutilsOfSetuptools(MetaPathFinder):
    """Finds distutils in setuptools, after all other finders have failed."""

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        """Returns setuptools' copy; see :meth:`importlib.abc.MetaPathFinder.find_spec`."""
        if name != 'distutils' or SHIM in sys.modules or package_folder('setuptools') is None:
            return None
        import_module('setuptools')  # which puts a finder for distutils first
        return find_spec('distutils')


def mend_distutils() -> bool:
    """Symptom: ``No module named 'distutils'`` when mmengine's Runner describes the machine.

    setuptools has a copy, but offers it only if Python reads its ``.pth`` file at the start. It
    does so in site-packages, but not in a folder on ``PYTHONPATH``.
    """
    is_there = sys.version_info < GONE or SHIM in sys.modules
    if is_there or any(isinstance(finder, DistutilsOfSetuptools) for finder in sys.meta_path):
        return False
    sys.meta_path.append(DistutilsOfSetuptools())
    return True
