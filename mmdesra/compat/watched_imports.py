"""Giving MMagic's modules an ``__import__`` of their own, which knows the stand-ins.

For an import statement Python calls the ``__import__`` in the ``__builtins__`` of the module that
has the statement. Replacing it in the modules of MMagic and mmseg changes their imports only:
stand-ins are never in `sys.modules`, and no other package can import one.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable

from .absence import Absence
from .asked_imports import imports_of_module, mentions
from .found_by_others import found_by_others
from .mmcv_limit import LIMITED, lift_mmcv_limit
from .packages import package_folder, replace_in
from .stand_ins import MissingPackageError, StandInModule, import_time, is_import_time
from .unneeded_packages import PACKAGES, absence_of, is_there

TRY_IMPORT = 'mmagic.utils.setup_env'
"""The module of MMagic's `try_import`, which calls importlib and so needs a patch of its own."""
LOADED_LATE = {'mmagic': ('scipy.signal',)}
"""Modules, by importing package, that are imported only when they are used. `scipy.signal` took a
quarter of MMagic's import time, and only StyleGAN's augmentation uses it."""
stand_ins: dict[str, StandInModule] = {}


def mend_unneeded_packages() -> bool:
    """Symptom: importing MMagic fails for want of ``diffusers``, or of a name in it.

    From now on MMagic and mmseg get stand-ins for packages that their restoration models never
    use, and accept a newer mmcv than they know. Whether an installed package can be used is found
    out when MMagic imports it, because that means importing it.
    """
    installed = [name for name in {*PACKAGES, *LIMITED} if package_folder(name) is not None]
    if not installed or any(isinstance(finder, WatchingFinder) for finder in sys.meta_path):
        return False
    sys.meta_path.insert(0, WatchingFinder())
    if TRY_IMPORT in sys.modules:
        mend_try_import(sys.modules[TRY_IMPORT])
    return any(not is_there(package) for name in installed for package in PACKAGES.get(name, ()))


class WatchingFinder(MetaPathFinder):
    """Finds modules of the watched packages, with the help of the other finders."""

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        """Returns the spec that Python would use, with a loader that prepares the module."""
        package = name.partition('.')[0]
        if package not in PACKAGES and package not in LIMITED:
            return None
        return found_by_others(self, execute, name, path, target)


def execute(original: Callable[[ModuleType], None], module: ModuleType) -> None:
    """Executes a module of a watched package, with an ``__import__`` of its own."""
    own_import = OwnImport.of(module)
    if own_import is not None:
        vars(module)['__builtins__'] = {**vars(builtins), '__import__': own_import}
    with import_time():
        try:
            original(module)
        except AssertionError:
            if not lift_mmcv_limit(module):
                raise
    if module.__name__ == TRY_IMPORT:
        mend_try_import(module)


class OwnImport:
    """The ``__import__`` of one module: Python's own, with stand-ins where they are needed.

    Args:
        module: The name of the module.
        needed: The packages without which it cannot be imported. Imports in a `try` or in a
            function get no stand-in: the module handles their failure, or the caller needs them.
    """

    def __init__(self, module: str, needed: Collection[str]) -> None:
        self.module = module
        self.asking = module.partition('.')[0]
        self.needed = needed

    @classmethod
    def of(cls, module: ModuleType) -> OwnImport | None:
        """Makes the one of a module; None if the module imports nothing that may be stood in."""
        package, source = module.__name__.partition('.')[0], source_of(module)
        late = {name.partition('.')[0] for name in LOADED_LATE.get(package, ())}
        wanted = (*PACKAGES.get(package, ()), *sorted(late))
        if not wanted or source is None or not mentions(source, wanted):
            return None
        asked = imports_of_module(module.__name__, source, wanted)
        return cls(module.__name__, {item.package for item in asked})

    def __call__(self, name: str, globals: Mapping[str, Any] | None = None,
                 locals: Mapping[str, Any] | None = None,
                 fromlist: Sequence[str] | None = (), level: int = 0) -> ModuleType:
        """Imports a module; the arguments are those of ``__import__``."""
        package, _, submodule = name.partition('.')
        if (not level and not fromlist and is_import_time()
                and name in LOADED_LATE.get(self.asking, ())):
            module = builtins.__import__(package)
            if submodule in dir(module):  # a module that loads its submodules lazily
                return module
        watched = not level and package in PACKAGES[self.asking]
        if watched and is_import_time() and package in self.needed:
            absence = absence_of(package, self.asking)
            if absence is not None:
                module = stand_in_module(name, absence)
                return module if fromlist else stand_ins[package]
        try:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        except ImportError as error:
            absence = absence_of(package, self.asking) if watched else None
            if absence is None:
                raise
            raise MissingPackageError(absence.message(name, self.module)) from error


def source_of(module: ModuleType) -> bytes | None:
    """Reads the text of a module that is about to be executed."""
    loader = getattr(module.__spec__, 'loader', None)
    try:
        return loader.get_source(module.__name__).encode()  # type: ignore[union-attr]
    except (AttributeError, ImportError, OSError):  # no source: byte code only
        return None


def stand_in_module(name: str, absence: Absence) -> StandInModule:
    """Returns the stand-in for a module; makes it and those of its parent packages if need be."""
    if name not in stand_ins:
        stand_ins[name] = StandInModule(name, absence)
        parent, _, short = name.rpartition('.')
        if parent:
            setattr(stand_in_module(parent, absence), short, stand_ins[name])
    return stand_ins[name]


def mend_try_import(module: ModuleType) -> None:
    """Makes MMagic's `try_import` return stand-ins.

    It would return None for diffusers, but two of MMagic's packages need names from the result.
    """
    original: Callable[[str], ModuleType | None] = module.try_import

    @functools.wraps(original)
    def try_import(name: str) -> ModuleType | None:
        package = name.partition('.')[0]
        if package in PACKAGES['mmagic'] and is_import_time():
            absence = absence_of(package, 'mmagic')
            if absence is not None:
                return stand_in_module(name, absence)
        return original(name)

    replace_in('mmagic', original, try_import)
