"""Names that NumPy has removed and MMagic still uses."""

from __future__ import annotations

import warnings

import numpy as np

from .packages import package_folder


def mend_numpy_bool8() -> bool:
    """Symptom: ``module 'numpy' has no attribute 'bool8'`` in `mmagic.utils.trans_utils`.

    NumPy 2 removed this alias of `numpy.bool_`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # NumPy 1.24+ warns that the alias will go
        if hasattr(np, 'bool8') or package_folder('mmagic') is None:
            return False
    setattr(np, 'bool8', np.bool_)  # noqa: B010  (type checkers know no such name)
    return True
