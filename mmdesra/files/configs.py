"""Reading MMEngine configs."""
from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from mmengine.config import Config, ConfigDict
from mmengine.config.config import DELETE_KEY
from mmengine.fileio.handlers import YamlHandler
from mmengine.fileio.handlers.registry_utils import file_handlers
from mmengine.utils import import_modules_from_strings

from ..errors import InputError
from .config_types import LAZY, build_lazy, make_lazy, parts_of

MIXED = ('The configuration file type in the inheritance chain', "'__name__' not in globals")
"""mmengine's errors for a config that mixes the styles, or inherits from one of the other."""


def read_config(name: str) -> Config:
    """Read a config file, or one of an installed package (``mmagic::…``, ``mmdesra::…``).

    A ``.py`` config is a program, and is run. JSON and YAML are data; the only code they can run
    is the modules they name in ``custom_imports``. Both of mmengine's styles are read, text and
    pure Python; types in the latter stay lazy, see :mod:`mmdesra.files.config_types`.

    Raises:
        InputError: If there is no such config, or it cannot be read, or it mixes the styles.
    """
    try:
        if '::' in name:
            from mmengine.hub import get_config
            config = get_config(name.removesuffix('.py') + '.py')
        else:
            with _plain_yaml():
                config = Config.fromfile(name)
        _leave_out_imports(config)
    except Exception as error:  # a config is a program
        if any(sign in str(error) for sign in MIXED):
            raise InputError(
                f'{name}: mixes the two styles of mmengine configs. A config that imports its '
                'types (pure Python style) inherits by "with read_base():", one that names them '
                'in text by _base_. Write this config and its base in the same style') from error
        raise InputError(f'{name}: cannot be read as a config ({reason_of(error)})') from error
    if is_lazy(config):
        _refuse_delete(config, name)
        import_custom_modules(config, name)  # mmengine does so for the other style
    make_lazy(config)
    return config


def is_lazy(config: Config) -> bool:
    """Whether a config is written in mmengine's pure Python style."""
    return bool(getattr(config, '_imported_names', ()))


def settings_of(config: Config) -> ConfigDict:
    """Return the settings of a config, without the names that its code has imported."""
    imported = getattr(config, '_imported_names', ())
    return ConfigDict({key: value for key, value in dict.items(config._cfg_dict)
                       if key not in imported})


def import_custom_modules(config: Config, name: str) -> None:
    """Import the modules that a config names in ``custom_imports``.

    Raises:
        InputError: If one cannot be imported.
    """
    imports = config.get('custom_imports')
    if not imports:
        return
    try:
        import_modules_from_strings(**imports)
    except Exception as error:  # a module is a program
        raise InputError(f'{name}: custom_imports: cannot be imported ({reason_of(error)})'
                         ) from error


def import_types(settings: Any, name: str) -> None:
    """Import all types of a pure Python config at once, so that a missing one is found early.

    Args:
        settings (Any): The config, or a part of it. Imports that no setting uses are left alone.
        name (str): The config's name, for the error.

    Raises:
        InputError: If one cannot be imported.
    """
    try:
        build_lazy(settings_of(settings) if isinstance(settings, Config) else settings)
    except Exception as error:  # a module is a program
        raise InputError(f'{name}: names something that cannot be imported ({reason_of(error)})'
                         ) from error


def reason_of(error: Exception) -> str:
    """Describe an error that a config or a module has raised, in one line."""
    if isinstance(error, ImportError) and isinstance(error.__cause__, ImportError):
        error = error.__cause__  # mmengine's own message lists all of sys.path
    message = ' '.join(line.strip() for line in str(error).splitlines())
    return f'{type(error).__name__}: {message}' if message else type(error).__name__


def _refuse_delete(config: Config, name: str) -> None:
    """Refuse ``_delete_`` in a pure Python config: mmengine merges there in spite of it.

    Raises:
        InputError: If there is one.
    """
    place = next((place for place, _ in parts_of(settings_of(config))
                  if place.rpartition('.')[2] == DELETE_KEY), None)
    if place:
        where = place.rpartition('.')[0] or name
        raise InputError(f'{name}: {place} has no effect in the pure Python style: update() has '
                         f'merged {where} with that of the base. Assign a new dict to it instead')


def _leave_out_imports(config: Config) -> None:
    """Drop the modules, functions and classes that a config's code has imported or defined.

    They are no settings, and mmengine cannot write them to a file. For the text style mmengine
    drops all but the classes itself.
    """
    for key, value in list(dict.items(config._cfg_dict)):
        is_import = inspect.isclass(value) and key == value.__name__
        if not isinstance(value, LAZY) and (is_import or inspect.ismodule(value)
                                            or inspect.isroutine(value)):
            dict.pop(config._cfg_dict, key)


class _PlainYaml(YamlHandler):
    """A safe YAML loader: mmengine's builds any Python object that a file names, which runs code.

    It is PyYAML's loader in Python, because the one in C overflows the stack on deep nesting.
    """

    def load_from_fileobj(self, file: Any, **kwargs: Any) -> Any:
        return yaml.safe_load(file)


@contextmanager
def _plain_yaml() -> Iterator[None]:
    before = {name: file_handlers[name] for name in ('yaml', 'yml')}
    file_handlers.update(dict.fromkeys(before, _PlainYaml()))
    try:
        yield
    finally:
        file_handlers.update(before)


def merge_options(config: Config, options: dict, flag: str = '--cfg-options') -> None:
    """Override settings of a config, in place.

    Args:
        config (Config): The config.
        options (dict): Values by dotted name, such as ``train_cfg.max_iters``; a number in a name
            is an index into a list.
        flag (str): The command-line option that they come from, for the error.

    Raises:
        InputError: If the config has no such place; names the option and says what to do.
    """
    try:
        config.merge_from_dict(options)
    except (AttributeError, KeyError, TypeError) as error:
        for name, value in options.items():
            reason = _what_is_in_the_way(config, name.split('.'))
            if reason:
                raise InputError(f'{flag} {name}={value}: {reason}') from error
        raise InputError(f'{flag} {" ".join(options)}: cannot all be set ({error})') from error


def _what_is_in_the_way(config: Config, keys: list[str]) -> str | None:
    found: object = dict(config.items())
    for depth, key in enumerate(keys):
        place = '.'.join(keys[:depth])
        if isinstance(found, dict):
            if key not in found:
                return None
            found = found[key]
        elif not isinstance(found, list):
            return (f'{place} is {found!r} in the config and has no settings; to put new ones in '
                    f'its place, add {place}._delete_=True')
        elif not key.isdigit() or int(key) >= len(found):
            entries = ', '.join(f'{place}.{number}' for number in range(len(found))) or 'none'
            return f'{place} is a list in the config; its entries are: {entries}'
        elif depth == len(keys) - 1:
            return (f'{place} is a list in the config; give single settings of its entry, as '
                    f'{place}.{key}.NAME, or the whole list')
        else:
            found = found[int(key)]
    return None


def config_diff(before: Config, after: Config) -> str:
    """Return what differs between two configs, as lines with + and - and some context."""
    old, new = (config.pretty_text.splitlines() for config in (before, after))
    return '\n'.join(difflib.unified_diff(old, new, 'as given', 'for fine-tuning', lineterm=''))
