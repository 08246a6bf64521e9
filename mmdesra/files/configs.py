"""Reading MMEngine configs."""
from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from mmengine.config import Config
from mmengine.fileio.handlers import YamlHandler
from mmengine.fileio.handlers.registry_utils import file_handlers

from ..errors import InputError


def read_config(name: str) -> Config:
    """Read a config file, or one of an installed package (``mmagic::…``, ``mmdesra::…``).

    A ``.py`` config is a program, and is run. JSON and YAML are data: they can name modules to
    import (``custom_imports``), and no other code.

    Raises:
        InputError: If there is none of this name, or it cannot be read.
    """
    try:
        if '::' in name:
            from mmengine.hub import get_config
            return get_config(name.removesuffix('.py') + '.py')
        with _plain_yaml():
            return Config.fromfile(name)
    except Exception as error:  # a config is a program
        raise InputError(f'{name}: cannot be read as a config '
                         f'({type(error).__name__}: {error})') from error


class _PlainYaml(YamlHandler):
    """mmengine's makes any Python object that a file asks for, and so runs its code.

    The loader in Python, because that in C overflows the stack where brackets are nested deep.
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
        options (dict): By dotted name, such as ``train_cfg.max_iters``; numbers are places in
            lists.
        flag (str): Where they come from, for the error.

    Raises:
        InputError: If there is no such place; it names the option and says what to do.
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
