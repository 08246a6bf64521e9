"""Mends for what today's PyTorch, torchvision, NumPy, setuptools and mmcv-lite break in MMagic.

Every mend looks for its symptom first and leaves a healthy stack as it is. None imports MMagic,
mmcv or torchvision: they run at `import mmdesra`, before a program knows whether it needs those.
`python -c "import logging; logging.basicConfig(level=10); import mmdesra"` shows what was mended.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import io
import logging
import pickle
import sys
import sysconfig
import types
import warnings
from pathlib import Path
from typing import Any, Callable, cast

import numpy as np
import torch

logger = logging.getLogger('mmdesra')


def mend() -> list[str]:
    """Applies each mend whose symptom is there.

    Returns:
        The names of what this call mended; empty on a healthy stack and on a second call.
    """
    mended = [name for name, apply in MENDS.items() if apply()]
    if mended:
        logger.debug('mmdesra.compat mended: %s', ', '.join(mended))
    return mended


# ---------------------------------------- mmcv without compiled ops


class OpStandIns(types.ModuleType):
    """Takes the place of ``mmcv._ext``: has every op, and each raises when it is called."""

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

    mmcv-lite ships the Python side of the ops, not the compiled one. MMagic's models import
    `mmcv.ops` at the top of their files, so none can be imported, though few call an op.
    """
    folder = package_folder('mmcv')
    if (folder is None or 'mmcv._ext' in sys.modules
            or not Path(folder, 'ops').is_dir()
            or importlib.machinery.PathFinder.find_spec('mmcv._ext', [folder])):
        return False
    stand_in = OpStandIns('mmcv._ext', 'Stand-in by mmdesra.compat for ops that were not built.')
    # mmengine asks importlib for the module's spec, which is an error if there is none.
    stand_in.__spec__ = importlib.machinery.ModuleSpec('mmcv._ext', loader=None)
    sys.modules['mmcv._ext'] = stand_in
    return True


# ---------------------------------------- torchvision whose library PyTorch cannot load

NMS_SCHEMA = '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'
# PyTorch forgets a library's operators as soon as the library object is collected.
LIBRARIES: list[torch.library.Library] = []


def mend_torchvision_operators() -> bool:
    """Symptom: ``import torchvision`` fails, ``operator torchvision::nms does not exist``.

    A torchvision built for CUDA finds no CUDA libraries under a CPU build of PyTorch. It goes on
    without its operators, except that it registers shapes for two that are then unknown. Naming
    the two suffices; calling one still is torchvision's own error about missing operators.
    """
    folder = package_folder('torchvision')
    if folder is None or 'torchvision' in sys.modules or can_load_library(folder, '_C'):
        return False
    missing = [name for name in ('nms', 'qnms') if not hasattr(torch.ops.torchvision, name)]
    if not missing:
        return False
    library = torch.library.Library('torchvision', 'FRAGMENT')
    for name in missing:
        library.define(name + NMS_SCHEMA)
    LIBRARIES.append(library)
    return True


def can_load_library(folder: str, name: str) -> bool:
    """Whether PyTorch can load a package's compiled library, found as torchvision finds it."""
    spec = importlib.machinery.PathFinder.find_spec(name, [folder])
    if spec is None:
        return False
    try:
        torch.ops.load_library(spec.origin)
    except (ImportError, OSError):
        return False
    return True


# ---------------------------------------- NumPy's old names


def mend_numpy_bool8() -> bool:
    """Symptom: ``module 'numpy' has no attribute 'bool8'`` in `mmagic.utils.trans_utils`.

    NumPy 2 dropped the alias of `numpy.bool_`. Only MMagic needs it back.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # NumPy 1.24+ warns that the alias will go
        if hasattr(np, 'bool8') or package_folder('mmagic') is None:
            return False
    setattr(np, 'bool8', np.bool_)  # noqa: B010  (type checkers know no such name)
    return True


# ---------------------------------------- checkpoints that mmengine wrote


def mend_checkpoint_globals() -> bool:
    """Symptom: loading an mmengine checkpoint fails, ``Unsupported global: ... HistoryBuffer``.

    Since PyTorch 2.6 a checkpoint may by default name only known globals, and mmengine 0.10
    writes its log history as objects. Exactly the globals that it writes become known; files
    that name others are refused as before.
    """
    if not hasattr(torch.serialization, 'add_safe_globals') or can_load_history():
        return False
    torch.serialization.add_safe_globals(checkpoint_globals())
    return True


def can_load_history() -> bool:
    """Whether PyTorch loads a log history of mmengine without being told to trust the file."""
    from mmengine.logging.history_buffer import HistoryBuffer
    file = io.BytesIO()
    torch.save(HistoryBuffer([1.0], [1]), file)
    file.seek(0)
    try:
        torch.load(file, weights_only=True)
    except pickle.UnpicklingError:
        return False
    return True


def checkpoint_globals() -> list[Any]:
    """Lists what the `message_hub` of an mmengine checkpoint is made of.

    Log histories are `HistoryBuffer` with NumPy arrays and a table of its methods, which pickle
    writes as ``getattr(HistoryBuffer, 'mean')``; best scores are NumPy scalars.
    """
    from mmengine.logging.history_buffer import HistoryBuffer

    def history_method(owner: Any, name: str) -> Callable:
        # The real getattr would let a file reach anything from any object.
        if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
            raise pickle.UnpicklingError(
                'Expected a checkpoint to ask for a statistic of HistoryBuffer only, '
                f'but got getattr({owner!r}, {name!r})')
        return getattr(HistoryBuffer, name)

    array, scalar = np.zeros(0), np.float64(0)
    reconstruct, make_scalar = (cast(Callable, value.__reduce__()[0]) for value in (array, scalar))
    dtypes = [type(np.dtype(name)) for name in ('float32', 'float64', 'int64')]
    return [
        HistoryBuffer,
        known_as('builtins.getattr', history_method),
        np.ndarray,
        np.dtype,
        *dtypes,
        # NumPy 2 renamed the module; a file may come from either side.
        *(known_as(f'numpy.{core}.multiarray._reconstruct', reconstruct)
          for core in ('core', '_core')),
        *(known_as(f'numpy.{core}.multiarray.scalar', make_scalar) for core in ('core', '_core')),
    ]


def known_as(path: str, function: Callable) -> Callable:
    """Wraps a function so that PyTorch offers it to checkpoints under another dotted name."""

    def wrapper(*args: Any) -> Any:
        return function(*args)

    wrapper.__module__, _, wrapper.__name__ = path.rpartition('.')
    wrapper.__qualname__ = wrapper.__name__
    return wrapper


# ---------------------------------------- mmengine without pkg_resources


def mend_package_lookup() -> bool:
    """Symptom: ``No module named 'pkg_resources'`` from `mmengine.utils.get_installed_path`.

    setuptools 81 dropped the module. mmengine needs it for every `_base_ = 'package::...'`; here
    its two look-ups are answered by the standard library instead.
    """
    if package_folder('pkg_resources') is not None:
        return False
    from mmengine.utils import package_utils
    mended = False
    for replacement in (is_installed, get_installed_path):
        original = getattr(package_utils, replacement.__name__)
        if original is not replacement:
            replace_in_mmengine(original, replacement)
            mended = True
    return mended


def replace_in_mmengine(original: Callable, replacement: Callable) -> None:
    """Puts a function in another's place in every mmengine module that has imported it."""
    name = original.__name__
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith('mmengine') and vars(module).get(name) is original:
            setattr(module, name, replacement)


def is_installed(package: str) -> bool:
    """Whether a distribution or, failing that, an importable package has this name."""
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return package_folder(package) is not None
    return True


def get_installed_path(package: str) -> str:
    """Finds the folder of a package by its module's or its distribution's name.

    Raises:
        ModuleNotFoundError: Nothing of that name is installed.
    """
    folder = package_folder(package)
    if folder is None:  # such as `mmsegmentation`, whose module is `mmseg`
        text = importlib.metadata.distribution(package).read_text('top_level.txt') or ''
        folder = next(filter(None, map(package_folder, text.split())), None)
    if folder is None:
        raise ModuleNotFoundError(
            f'Expected {package} to have an importable package, but found none')
    return folder


# ---------------------------------------- configs that import the standard library


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
    replace_in_mmengine(original, _is_builtin_module)
    return True


def package_folder(name: str) -> str | None:
    """Finds a package's folder without importing it; None where there is none."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module that someone put in place by hand, without a spec
        return None
    return str(Path(spec.origin).parent) if spec is not None and spec.origin else None


MENDS: dict[str, Callable[[], bool]] = {
    'mmcv ops': mend_mmcv_ops,
    'torchvision operators': mend_torchvision_operators,
    'numpy.bool8': mend_numpy_bool8,
    'checkpoint globals': mend_checkpoint_globals,
    'package lookup': mend_package_lookup,
    'config imports': mend_config_imports,
}
