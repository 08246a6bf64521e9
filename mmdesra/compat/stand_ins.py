"""Stand-ins: objects that replace a package which is missing or cannot be used.

With stand-ins MMagic's modules can be imported by somebody who does not use the package. During
the import a stand-in can be subclassed, called, used as a decorator or an annotation, and asked
for attributes; each gives another stand-in, which is false. After the import each of these raises
an error that names the package to install and the function that used it.
"""

from __future__ import annotations

import sys
import threading
import types
from abc import ABCMeta
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .absence import Absence

CLASS_NOTE = '__stood_in_for__'
"""The attribute of a stand-in class that holds its dotted name and its :class:`Absence`."""
ERROR_ENDINGS = ('Error', 'Exception', 'Warning')
state = threading.local()


class MissingPackageError(ModuleNotFoundError):
    """A package was used that is not installed, or in a version that cannot be used."""


class MissingPackageAttributeError(AttributeError):
    """The same for an attribute of a stand-in; an AttributeError, so `hasattr` is False."""


@contextmanager
def import_time() -> Iterator[None]:
    """Lets this thread use stand-ins during a block."""
    state.depth = getattr(state, 'depth', 0) + 1
    try:
        yield
    finally:
        state.depth -= 1


def is_import_time() -> bool:
    """Whether this thread is inside :func:`import_time`."""
    return getattr(state, 'depth', 0) > 0


class StandInType(ABCMeta):
    """The metaclass of stand-ins, and of the classes that inherit from one.

    Stand-ins are classes, because a class can be used as base, decorator, annotation, function
    and second argument of `isinstance`. The metaclass is an ABCMeta, so that a class can inherit
    from a stand-in and an abstract base.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        name, absence = getattr(cls, CLASS_NOTE)
        if is_import_time():
            return make_class(called_name(name, args), absence)
        raise MissingPackageError(absence.message(describe(cls), asker()))

    def __getattribute__(cls, attribute: str) -> Any:
        # Not __getattr__: it is not asked for names that a type has, such as `register`.
        if is_dunder(attribute) or any(attribute in vars(base) for base in cls.__mro__):
            return super().__getattribute__(attribute)
        name, absence = getattr(cls, CLASS_NOTE)
        if is_import_time():
            return make_class(f'{name}.{attribute}', absence)
        raise MissingPackageAttributeError(
            absence.message(f'{describe(cls)}.{attribute}', asker()))

    def __getitem__(cls, item: Any) -> Any:  # `Base[int]`
        if is_import_time():
            return cls
        raise MissingPackageError(
            absence_of_class(cls).message(f'{describe(cls)}[...]', asker()))

    def __bool__(cls) -> bool:  # so that `if is_available():` skips its block
        return not is_stand_in(cls)

    def __dir__(cls) -> list[str]:  # nothing to go through
        return [] if is_stand_in(cls) else list(super().__dir__())

    def __subclasscheck__(cls, subclass: type) -> bool:
        # Also called by `isinstance`. If the package is installed but too old or too new, there
        # may be real objects of it, and those are instances.
        return super().__subclasscheck__(subclass) or (
            is_stand_in(cls) and is_real(cls, subclass))

    def __repr__(cls) -> str:
        return f'<stand-in for {getattr(cls, CLASS_NOTE)[0]}>' if is_stand_in(cls) \
            else super().__repr__()


class StandInModule(types.ModuleType):
    """Stands for a module; every attribute of it is a stand-in.

    Args:
        name: The module's dotted name.
        absence: Why the package cannot be used.
    """

    def __init__(self, name: str, absence: Absence) -> None:
        super().__init__(name, 'Stand-in by mmdesra.compat.')
        self.__path__: list[str] = []
        self.__version__ = absence.version
        self.__all__: tuple[str, ...] = ()
        vars(self)[CLASS_NOTE] = (name, absence)

    def __getattr__(self, attribute: str) -> Any:
        if is_dunder(attribute):
            raise AttributeError(f'module {self.__name__!r} has no attribute {attribute!r}')
        name, absence = vars(self)[CLASS_NOTE]
        if not is_import_time():
            raise MissingPackageAttributeError(absence.message(f'{name}.{attribute}', asker()))
        inner = f'{name}.{attribute}'
        value = StandInModule(inner, absence) if inner in absence.listed else make_class(
            inner, absence)
        setattr(self, attribute, value)
        return value

    def __bool__(self) -> bool:
        return False

    def __dir__(self) -> list[str]:
        return list(vars(self)[CLASS_NOTE][1].listed.get(self.__name__, ()))

    def __repr__(self) -> str:
        return f'<stand-in for module {self.__name__}>'


def make_class(name: str, absence: Absence) -> StandInType:
    """Makes a stand-in for a class, a function or a value.

    Args:
        name: The dotted name of what it stands for.
        absence: Why the package cannot be used.
    """
    module, _, short = name.rpartition('.')
    # `except` accepts subclasses of BaseException only.
    is_error = short.endswith(ERROR_ENDINGS) or module.endswith(('.exceptions', '.errors'))
    bases = (Exception,) if is_error else ()
    return StandInType(short, bases, {CLASS_NOTE: (name, absence), '__module__': module})


def called_name(name: str, args: tuple[Any, ...]) -> str:
    """Returns the name of a call's result: of a decorated function or class its own name."""
    decorated = args[0] if len(args) == 1 else None
    if isinstance(decorated, (types.FunctionType, type)):
        return f'{decorated.__module__}.{decorated.__qualname__}'
    return f'{name}()'


def is_dunder(name: str) -> bool:
    """Whether a name is a special one of Python's, such as ``__call__``."""
    return name.startswith('__') and name.endswith('__')


def is_stand_in(cls: type) -> bool:
    """Whether a class is a stand-in, and not only a subclass of one."""
    return CLASS_NOTE in vars(cls)


def absence_of_class(cls: type) -> Absence:
    """Returns the absence of a stand-in, or of the stand-in that a class inherits from."""
    return getattr(cls, CLASS_NOTE)[1]


def is_real(stand_in: type, cls: type) -> bool:
    """Whether a class, or a base of it, is the real class that a stand-in replaces."""
    package = absence_of_class(stand_in).package
    return any(base.__name__ == stand_in.__name__ and package == base.__module__.partition('.')[0]
               for base in cls.__mro__)


def describe(cls: type) -> str:
    """Describes a stand-in, or a class that inherits from one, for an error."""
    name = getattr(cls, CLASS_NOTE)[0]
    return name if is_stand_in(cls) else f'{cls.__module__}.{cls.__qualname__}, built on {name}'


def asker() -> str:
    """Returns the function that uses a stand-in: the first on the stack outside this module."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get('__name__') == __name__:
        frame = frame.f_back
    return f'{frame.f_globals.get("__name__")}.{frame.f_code.co_name}'
