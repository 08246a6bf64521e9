"""Runs of ours, in which mmengine reads every file of weights without running code from it.

A run is of ours where its config names a type of this package (a hook, the metric, a dataset) or
imports it, whichever program starts it: MMagic's ``tools/train.py``, too. Nothing else in the
process is changed: other runs, and programs that load weights by themselves, may load what they
could before.

That it holds from the first line of ``Runner.__init__`` on is why a hook does not suffice: models
are built, and load what is ``pretrained``, before hooks are.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from mmengine import registry as mmengine_registry
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, Registry

from ..files.config_types import LAZY, class_of, parts_of, type_name
from ..files.configs import settings_of
from ..generators.safe_loading import SafeLoading, load_any, load_local

PACKAGE = __name__.partition('.')[0]
RUNNERS = 'Runner', 'FlexibleRunner'
METHODS = 'train', 'val', 'test', 'load_or_resume', 'resume', 'load_checkpoint'
IS_OURS = '_mmdesra_reads_safely'
"""Of a runner, and of a function that is in place already."""


def make_runs_safe(runner_package: ModuleType) -> None:
    """Put our loaders into mmengine's place, and let its runners of our runs switch them on.

    Args:
        runner_package (ModuleType): ``mmengine.runner``, whole.
    """
    checkpoint = runner_package.checkpoint
    loader = checkpoint.CheckpointLoader._get_checkpoint_loader('')  # of files without a scheme
    if hasattr(loader, IS_OURS):
        return
    checkpoint.CheckpointLoader.register_scheme('', _mark(load_local(loader)), force=True)
    if hasattr(checkpoint, '_safe_torch_load'):  # onedl-mmengine's, for what is downloaded
        checkpoint._safe_torch_load = load_any(checkpoint._safe_torch_load)
    for name in RUNNERS:
        kind = getattr(runner_package, name, None)
        if kind is not None:
            kind.__init__ = _guard_init(kind.__init__)
            for method in METHODS:
                setattr(kind, method, _guard(getattr(kind, method)))


def _guard_init(original: Callable) -> Callable:
    @wraps(original)
    def __init__(self: Any, *args: Any, **settings: Any) -> None:
        setattr(self, IS_OURS, any(map(_names_us, (*args, settings, settings.get('cfg')))))
        return _guard(original)(self, *args, **settings)

    return __init__


def _guard(original: Callable) -> Callable:
    @wraps(original)
    def method(self: Any, *args: Any, **options: Any) -> Any:
        if not _is_ours(self):
            return original(self, *args, **options)
        with SafeLoading():
            return original(self, *args, **options)

    return method


def _mark(function: Callable) -> Callable:
    vars(function)[IS_OURS] = True
    return function


def _is_ours(runner: Any) -> bool:
    """Whether a runner's config names us, or a hook of ours was registered by a program."""
    return getattr(runner, IS_OURS, False) or any(
        _is_of_package(type(hook)) for hook in vars(runner).get('_hooks', ()))


def _names_us(settings: Any) -> bool:
    """Whether a config, or a part of one, names a type of this package or imports it."""
    ours = _type_names()
    settings = settings_of(settings) if isinstance(settings, Config) else settings
    for place, part in parts_of(settings):
        name = place.rpartition('.')[2]
        if name == 'type' and _is_type_of_ours(part, ours):
            return True
        if isinstance(part, Hook) and _is_of_package(type(part)):
            return True
        if '.imports' in place and isinstance(part, str) and part.split('.')[0] == PACKAGE:
            return True
    return False


def _is_type_of_ours(kind: Any, names: set[str]) -> bool:
    if isinstance(kind, LAZY):
        kind = f'{kind.module}.{kind}'
    if isinstance(kind, str) and kind.split('.')[0] == PACKAGE:
        return True
    found = class_of(kind, HOOKS)  # one that is derived from ours, perhaps
    return type_name(kind) in names or (found is not None and _is_of_package(found))


def _is_of_package(kind: type) -> bool:
    return any(base.__module__.partition('.')[0] == PACKAGE for base in inspect.getmro(kind))


def _type_names() -> set[str]:
    """Return the names in mmengine's registries that stand for classes of this package."""
    return {name for table in vars(mmengine_registry).values() if isinstance(table, Registry)
            for name, found in table.module_dict.items()
            if getattr(found, '__module__', '').partition('.')[0] == PACKAGE}
