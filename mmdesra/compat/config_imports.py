"""Reading configs that import the standard library."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from .packages import replace_in


def mend_config_imports() -> bool:
    """Symptom: a config with ``import os`` ends in ``RuntimeError()``, or cannot have ``_base_``.

    mmengine takes a config for pure Python style if it imports a module outside the standard
    library, which it recognises by its folder. But from Python 3.11 on some standard modules are
    inside the interpreter, and in a virtual environment the folder is a different one.
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
