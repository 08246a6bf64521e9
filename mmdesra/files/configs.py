"""Reading MMEngine configs."""
from __future__ import annotations

import difflib

from mmengine.config import Config

from ..errors import InputError


def read_config(name: str) -> Config:
    """Read a config file, or one of an installed package (``mmagic::…``, ``mmdesra::…``).

    Raises:
        InputError: If there is none of this name, or it cannot be read.
    """
    try:
        if '::' in name:
            from mmengine.hub import get_config
            return get_config(name.removesuffix('.py') + '.py')
        return Config.fromfile(name)
    except Exception as error:  # a config is a program
        raise InputError(f'{name}: cannot be read as a config '
                         f'({type(error).__name__}: {error})') from error


def config_diff(before: Config, after: Config) -> str:
    """Return what differs between two configs, as lines with + and - and some context."""
    lines = (config.pretty_text.splitlines() for config in (before, after))
    return '\n'.join(difflib.unified_diff(*lines, 'as given', 'for fine-tuning', lineterm=''))
