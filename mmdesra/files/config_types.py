"""The ``type`` of a config, in either of mmengine's two styles.

In the text style it is a name, with or without a scope or a module before it (``'SRGAN'``,
``'mmagic.SRGAN'``, ``'mmagic.models.SRGAN'``). In the pure Python style it is the class or
function itself. mmengine keeps it as a lazy object until it is read, and writes it to a file as a
name with its module.
"""
from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.config.lazy import LazyAttr, LazyObject
from mmengine.registry import Registry

LAZY = (LazyAttr, LazyObject)


def type_name(kind: object) -> str:
    """Return the bare name of a type: without scope and module.

    Args:
        kind (object): A name, a class, a function, a ``functools.partial`` of these, or a lazy
            object of mmengine's; None stands for no type.

    Returns:
        str: The name; empty for no type.
    """
    if kind is None:
        return ''
    if isinstance(kind, partial):
        return type_name(kind.func)
    # A lazy object answers to every attribute, __name__ too.
    is_text = isinstance(kind, (str, *LAZY))
    name = str(kind) if is_text else getattr(kind, '__name__', None) or type(kind).__name__
    return name.rpartition('.')[2]


def class_of(kind: object, registry: Registry | None = None) -> type | None:
    """Return the class that a type stands for, or None if it would have to be imported first.

    Args:
        kind (object): As for :func:`type_name`.
        registry (Registry, optional): Where a name is looked up, its child registries included.
    """
    if isinstance(kind, LAZY):
        kind = f'{kind.module}.{kind}'
    if isinstance(kind, str):
        module, _, name = kind.rpartition('.')
        found = getattr(sys.modules.get(module), name, None)
        candidates = [found, *(table.get(name) for table in _tables(registry))]
    else:
        candidates = [kind]
    return next((one for one in candidates if inspect.isclass(one)), None)


def is_a(config: Mapping, name: str, registry: Registry | None = None) -> bool:
    """Whether the type of a config is the named class, or a subclass of it.

    Args:
        config (Mapping): With or without a ``type``.
        name (str): The bare name of a class.
        registry (Registry, optional): See :func:`class_of`.
    """
    kind = config.get('type')
    if type_name(kind) == name:
        return True
    found = class_of(kind, registry)
    return found is not None and any(base.__name__ == name for base in found.__mro__)


def make_lazy(settings: Any) -> Any:
    """Turn the classes and functions in settings into lazy objects; dicts are changed in place.

    mmengine can write a lazy object to a config file (as an import), but not a class. Reading a
    setting turns its lazy object into the class; so does a copy by ``dict(...)``.

    Returns:
        Any: The settings; lists and tuples are new ones.
    """
    if isinstance(settings, Config):
        make_lazy(settings._cfg_dict)
    elif isinstance(settings, dict):
        for key, value in list(dict.items(settings)):
            dict.__setitem__(settings, key, make_lazy(value))
    elif type(settings) in (list, tuple):
        return type(settings)(map(make_lazy, settings))
    elif inspect.isclass(settings) or inspect.isroutine(settings):
        module, name = getattr(settings, '__module__', None), settings.__name__
        if module and getattr(sys.modules.get(module), name, None) is settings:
            return LazyObject(module, name)
    return settings


def build_lazy(settings: Any) -> None:
    """Import what the lazy objects in settings stand for.

    Raises:
        Exception: What the import raises, ``ImportError`` where there is no such thing.
    """
    if isinstance(settings, LAZY):
        settings.build()
    elif isinstance(settings, dict):
        for value in dict.values(settings):
            build_lazy(value)
    elif isinstance(settings, (list, tuple)):
        for value in settings:
            build_lazy(value)


def parts_of(settings: Any, place: str = '') -> Iterator[tuple[str, Any]]:
    """Yield everything in a config by its dotted place, as ``--cfg-options`` names it."""
    if place:
        yield place, settings
    entries: Iterable[tuple[object, Any]] = ()
    if isinstance(settings, dict):
        entries = dict.items(settings)
    elif isinstance(settings, (list, tuple)):
        entries = enumerate(settings)
    for name, entry in entries:
        yield from parts_of(entry, f'{place}.{name}' if place else str(name))


def with_settings(config: Mapping, **changes: Any) -> ConfigDict:
    """Return a copy of a config with changes; unlike with ``dict``, lazy objects stay lazy."""
    return ConfigDict(config, **changes)


def _tables(registry: Registry | None) -> Iterator[Mapping[str, Any]]:
    if registry is not None:
        yield registry.module_dict
        for child in registry.children.values():
            yield from _tables(child)
