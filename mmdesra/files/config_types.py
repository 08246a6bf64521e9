"""What the ``type`` of a config says, in whichever of mmengine's styles it is written.

In text it is a name, with or without a scope or a module before it (``'SRGAN'``,
``'mmagic.SRGAN'``, ``'mmagic.models.SRGAN'``). In the pure Python style it is the class or the
function itself, which mmengine keeps as a lazy object until somebody asks for it; written down, it
becomes a name with a module.
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
        str: Empty for no type.
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
    """Return the class that a type stands for, if it is at hand: nothing is imported for it.

    Args:
        kind (object): As for :func:`type_name`.
        registry (Registry, optional): Whose table, or whose children's, may have the name.
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
    """Whether the type of a config is that of a name, or is derived from it.

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
    """Make lazy objects of the classes and functions in settings; dicts are changed in place.

    mmengine writes a lazy object down as the name that it can be imported by, and a class as
    something that is no Python. Reading a setting makes a class of a lazy object; so does
    copying by ``dict(...)``.

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
    """Import what lazy objects in settings stand for, as whoever builds from them would.

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
    """Return a copy of a config with other settings; what is lazy stays so, unlike by ``dict``."""
    return ConfigDict(config, **changes)


def _tables(registry: Registry | None) -> Iterator[Mapping[str, Any]]:
    if registry is not None:
        yield registry.module_dict
        for child in registry.children.values():
            yield from _tables(child)
