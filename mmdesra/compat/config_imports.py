"""Configs that import the standard library."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from .packages import replace_in


def mend_config_imports() -> bool:
    """Symptom: a config with ``import os`` ends in ``RuntimeError()``, or may have no ``_base_``.

    mmengine tells its two styles of configs apart by whether a module that is not of the standard
    library is imported, and knows that library by its folder. From Python 3.11 on some of it is in
    the interpreter, and in a virtual environment the folder is another one.
    """
    from mmengine.config import utils
    original = utils._is_builtin_module
    if original('os'):
        return False

    def _is_builtin_module(module_name: str) -> bool:
        return module_name.partition('.')[0] in names or original(module_name)

    library = Path(sysconfig.get_paths()['stdlib'])
    names = {*getattr(sys, 'stdlib_module_names', ()), *sys.builtin_module_names}
    if not hasattr(sys, 'stdlib_module_names'):  # before Python 3.10
        names.update(path.stem for path in library.iterdir())
    replace_in('mmengine', original, _is_builtin_module)
    return True
