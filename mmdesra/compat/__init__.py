"""Mends: small patches with which MMagic, mmseg and mmengine run on today's packages.

Every mend checks for its symptom first and changes nothing if the symptom is not there. No mend
imports MMagic, mmcv or torchvision, because mends run at every `import mmdesra`. To see what was
mended: `python -c "import logging; logging.basicConfig(level=10); import mmdesra"`.
"""

from __future__ import annotations

import logging
from typing import Callable

from .checkpoints import mend_checkpoint_globals
from .config_imports import mend_config_imports
from .distutils_package import mend_distutils
from .mmcv_ops import mend_mmcv_ops
from .numpy_names import mend_numpy_bool8
from .package_lookup import mend_package_lookup
from .packages import package_folder
from .stand_ins import MissingPackageAttributeError, MissingPackageError
from .torchvision_operators import mend_torchvision_operators
from .watched_imports import mend_unneeded_packages

logger = logging.getLogger('mmdesra')

MENDS: dict[str, Callable[[], bool]] = {
    'mmcv ops': mend_mmcv_ops,
    'torchvision operators': mend_torchvision_operators,
    'numpy.bool8': mend_numpy_bool8,
    'unneeded packages': mend_unneeded_packages,
    'checkpoint globals': mend_checkpoint_globals,
    'package lookup': mend_package_lookup,
    'config imports': mend_config_imports,
    'distutils': mend_distutils,
}


def mend() -> list[str]:
    """Applies each mend whose symptom is found.

    Returns:
        The names of the mends that were applied; empty on a healthy stack or a second call.
    """
    mended = [name for name, apply in MENDS.items() if apply()]
    if mended:
        logger.debug('mmdesra.compat mended: %s', ', '.join(mended))
    return mended


__all__ = ['MENDS', 'MissingPackageAttributeError', 'MissingPackageError', 'mend',
           'package_folder']
