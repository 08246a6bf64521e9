"""Running MMagic, mmseg and mmdet with a newer mmcv than they allow."""

from __future__ import annotations

import ast
import logging
import re
import sys
from types import ModuleType

logger = logging.getLogger('mmdesra')

LIMITED = ('mmagic', 'mmseg', 'mmdet')
"""Packages whose ``__init__`` asserts an upper limit for mmcv's version."""
LIMIT = re.compile('mmcv_max(imum_version)?', re.IGNORECASE)
TRIED = 2
"""The major version of mmcv for which the limit is lifted."""


def lift_mmcv_limit(module: ModuleType) -> bool:
    """Executes a package's module once more, without its upper limit for mmcv.

    Symptom: ``AssertionError: mmcv==2.2.0 is used but incompatible``. MMagic 1.2, mmseg 1.2 and
    mmdet 3 are older than mmcv 2.2, but run on it.

    Args:
        module: The module whose execution ended in an AssertionError.

    Returns:
        Whether it was executed: the module has such a limit, and mmcv is version 2.
    """
    spec, mmcv = module.__spec__, sys.modules.get('mmcv')
    version = str(getattr(mmcv, '__version__', ''))
    source = getattr(getattr(spec, 'loader', None), 'get_source', lambda name: None)(
        module.__name__)
    if module.__name__ not in LIMITED or source is None or not version.startswith(f'{TRIED}.'):
        return False
    tree = ast.parse(source)
    limits = [node for node in tree.body if isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and LIMIT.fullmatch(target.id) for target in node.targets)
        and isinstance(node.value, ast.Constant)]
    if not limits:
        return False
    for node in limits:
        node.value = ast.copy_location(ast.Constant(f'{TRIED + 1}.0.0'), node.value)
    exec(compile(tree, str(module.__file__), 'exec'), vars(module))  # noqa: S102  (its own source)
    logger.debug('mmdesra.compat lifted the limit for mmcv in %s: it goes on with mmcv %s',
                 module.__name__, version)
    return True
