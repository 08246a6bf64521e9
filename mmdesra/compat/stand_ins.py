"""Things that take the place of what a package that cannot be used would offer.

A stand-in is there so that a module can be imported whose author needed the package, by someone
who does not. While modules are imported it lets itself be subclassed, called, used as a decorator
or an annotation, and asked for attributes; what comes out is a stand-in again, and false. Later,
each of these is an error that names the package to install and who asked.
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
"""Where a stand-in class keeps its dotted name and why it stands there."""
ERROR_ENDINGS = ('Error', 'Exception', 'Warning')
state = threading.local()


class MissingPackageError(ModuleNotFoundError):
    """A package was used that is not installed, or not in a version that can be used."""


class MissingPackageAttributeError(AttributeError):
    """The same, where Python expects an attribute: `hasattr` then says no."""


@contextmanager
def import_time() -> Iterator[None]:
    """Stand-ins let themselves be used while this thread is inside."""
    state.depth = getattr(state, 'depth', 0) + 1
    try:
        yield
    finally:
        state.depth -= 1


def is_import_time() -> bool:
    """Whether this thread is importing a module that stand-ins were made for."""
    return getattr(state, 'depth', 0) > 0


class StandInType(ABCMeta):
    """The type of stand-in classes, and so of the classes that others derive from them.

    A class, since a class can take every part: base, decorator, annotation, the second argument
    of `isinstance`, function. An ABCMeta, so that it goes together with abstract bases.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        name, absence = getattr(cls, CLASS_NOTE)
        if is_import_time():
            return make_class(called_name(name, args), absence)
        raise MissingPackageError(absence.message(describe(cls), asker()))

    def __getattribute__(cls, attribute: str) -> Any:
        # Not __getattr__: a type has names of its own, such as ABCMeta's `register`.
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

    def __bool__(cls) -> bool:  # `if is_available():` takes the other way
        return not is_stand_in(cls)

    def __dir__(cls) -> list[str]:  # nothing to go through
        return [] if is_stand_in(cls) else list(super().__dir__())

    def __subclasscheck__(cls, subclass: type) -> bool:
        # Asked by `isinstance`, too. Where the package is there but unfit, objects of it may come
        # from elsewhere; they are what they are.
        return super().__subclasscheck__(subclass) or (
            is_stand_in(cls) and is_real(cls, subclass))

    def __repr__(cls) -> str:
        return f'<stand-in for {getattr(cls, CLASS_NOTE)[0]}>' if is_stand_in(cls) \
            else super().__repr__()


class StandInModule(types.ModuleType):
    """Stands for a module; offers whatever name it is asked for.

    Args:
        name: Its dotted name.
        absence: Why it stands there.
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
        name: What it stands for, dotted.
        absence: Why it stands there.
    """
    module, _, short = name.rpartition('.')
    # What a caught exception is compared with must be a class of exceptions.
    is_error = short.endswith(ERROR_ENDINGS) or module.endswith(('.exceptions', '.errors'))
    bases = (Exception,) if is_error else ()
    return StandInType(short, bases, {CLASS_NOTE: (name, absence), '__module__': module})


def called_name(name: str, args: tuple[Any, ...]) -> str:
    """What a call gives: with a function or a class as its argument, what is decorated."""
    decorated = args[0] if len(args) == 1 else None
    if isinstance(decorated, (types.FunctionType, type)):
        return f'{decorated.__module__}.{decorated.__qualname__}'
    return f'{name}()'


def is_dunder(name: str) -> bool:
    """Whether Python gives the name a meaning of its own."""
    return name.startswith('__') and name.endswith('__')


def is_stand_in(cls: type) -> bool:
    """Whether a class is a stand-in itself, not a class that derives from one."""
    return CLASS_NOTE in vars(cls)


def absence_of_class(cls: type) -> Absence:
    """Why a stand-in class, or the one that a class derives from, stands there."""
    return getattr(cls, CLASS_NOTE)[1]


def is_real(stand_in: type, cls: type) -> bool:
    """Whether a class, or a base of it, is what a stand-in stands for."""
    package = absence_of_class(stand_in).package
    return any(base.__name__ == stand_in.__name__ and package == base.__module__.partition('.')[0]
               for base in cls.__mro__)


def describe(cls: type) -> str:
    """A class in the words of an error: what it stands for, or what it is built on."""
    name = getattr(cls, CLASS_NOTE)[0]
    return name if is_stand_in(cls) else f'{cls.__module__}.{cls.__qualname__}, built on {name}'


def asker() -> str:
    """The function that uses a stand-in: the first in the stack that is not of this module."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get('__name__') == __name__:
        frame = frame.f_back
    return f'{frame.f_globals.get("__name__")}.{frame.f_code.co_name}'
