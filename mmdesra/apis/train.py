"""From a config's name to a runner."""
from __future__ import annotations

from mmengine.config import Config
from mmengine.runner import Runner

from ..errors import InputError


def read_config(name: str) -> Config:
    """Read a config file, or one of an installed package (``mmagic::…``, ``mmdesra::…``).

    Raises:
        InputError: If there is none of this name.
    """
    try:
        if '::' in name:
            from mmengine.hub import get_config
            return get_config(name)
        return Config.fromfile(name)
    except (FileNotFoundError, ModuleNotFoundError) as error:
        raise InputError(f'{name}: no such config ({error})') from error


def build_runner(config: Config) -> Runner:
    """Build the runner of a config, in the scope that the config names."""
    return Runner.from_cfg(config)
