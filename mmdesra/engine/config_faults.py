"""Telling what is wrong with a config from what is wrong with a program.

mmengine builds a run from a config and lets whatever a class raises pass. A misspelt name, an
argument that a class does not have, a package that is not installed: the traceback is long, and
says neither which file nor which setting.
"""
from __future__ import annotations

import difflib
import re
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mmengine.config import Config, ConfigDict
from mmengine.dataset import Compose
from mmengine.registry import Registry

from ..errors import InputError
from ..files.config_types import parts_of, type_name
from ..files.configs import reason_of, settings_of
from . import safe_runs
from .fetched_weights import fetched_weights

LIBRARIES = 'mmengine', 'mmagic', 'mmcv', 'mmseg', 'torch', 'torchvision', 'numpy'
STANDARD_LIBRARY = sysconfig.get_paths()['stdlib']
SETTINGS = {
    'build_train_loop': 'train_cfg', 'build_val_loop': 'val_cfg', 'build_model': 'model',
    'build_dataloader': 'train_dataloader', 'build_optim_wrapper': 'optim_wrapper',
    'build_param_scheduler': 'param_scheduler', 'build_visualizer': 'visualizer',
    'build_evaluator': 'val_evaluator', 'build_log_processor': 'log_processor',
    'build_logger': 'log_level', 'setup_env': 'env_cfg', 'set_randomness': 'randomness',
    'load_or_resume': 'the checkpoint to go on from does not fit',
    'register_default_hooks': 'default_hooks', 'register_custom_hooks': 'custom_hooks'}
"""By the method of mmengine's Runner that reads it."""
UNKNOWN_TYPE = re.compile(r'(\S+) is not in the (?:(\S+?)::)?(.+?) registry')
WRONG_ARGUMENTS = re.compile(r'\(\) (got an unexpected keyword|got multiple values|missing \d)')


@contextmanager
def config_faults(config: Config) -> Iterator[None]:
    """Turn an exception that a mistake in the config has caused into an error of one line.

    So are weights that cannot be fetched, see :func:`fetched_weights`.

    It is to blame where a library, building something from it or applying a transform that it
    names, raises an error about values or names. Where code of the user's own or of ours was
    reached, or the run was training, the error keeps its traceback: somebody must look for the
    fault.

    Raises:
        InputError: Names the config, and the setting where that can be told.
    """
    try:
        with fetched_weights(config):
            yield
    except InputError:
        raise
    except (AssertionError, AttributeError, ImportError, KeyError, TypeError, ValueError) as error:
        frames = list(_frames(error))
        if not (_misses_package(error, frames) or _is_from_building(error, frames)):
            raise
        message = _describe(error, frames, config)
        if message is None:
            raise
        raise InputError(f'{config.filename}: {message}') from error


def _frames(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames that an error has passed, the one that raised it last."""
    step = error.__traceback__
    while step is not None:
        if _module(step.tb_frame) != safe_runs.__name__:  # it stands before mmengine's methods
            yield step.tb_frame
        step = step.tb_next


def _misses_package(error: Exception, frames: list[FrameType]) -> bool:
    """Whether a visualizer's backend, such as TensorBoard's, is not installed."""
    return isinstance(error, ImportError) and _module(frames[-1]).endswith('.vis_backend')


def _is_from_building(error: Exception, frames: list[FrameType]) -> bool:
    """Whether only libraries' code ran between the building of a type and the error."""
    for frame in reversed(frames):
        if _builds(frame):
            return True
        is_init_of_ours = (_module(frame).startswith('mmdesra.')
                           and frame.f_code.co_name == '__init__'
                           and WRONG_ARGUMENTS.search(str(error)))
        if not (_is_library(frame) or is_init_of_ours):
            return False
    return False


def _builds(frame: FrameType) -> bool:
    name = frame.f_code.co_name
    return _module(frame).startswith('mmengine.') and (
        name in SETTINGS or name in ('from_cfg', 'build_from_cfg') or _transforms(frame))


def _transforms(frame: FrameType) -> bool:
    """Whether a frame applies the transforms of a pipeline, one of which it calls."""
    return frame.f_code.co_name == '__call__' and isinstance(frame.f_locals.get('self'), Compose)


def _is_library(frame: FrameType) -> bool:
    name = _module(frame).partition('.')[0]
    path = frame.f_code.co_filename
    is_of_python = path.startswith(STANDARD_LIBRARY) and 'site-packages' not in path
    return name in LIBRARIES or is_of_python or path.startswith('<frozen')


def _module(frame: FrameType) -> str:
    return frame.f_globals.get('__name__', '')


def _describe(error: Exception, frames: list[FrameType], config: Config) -> str | None:
    """Return what is wrong and where; None for a name that the config does not have."""
    settings = settings_of(config)
    inner = next((frame for frame in reversed(frames) if _builds(frame)), frames[-1])
    name = str(error.args[0]) if error.args else ''
    unknown = UNKNOWN_TYPE.match(name) if isinstance(error, KeyError) else None
    if unknown is not None and 'registry' in inner.f_locals:
        where = _where_type(settings, inner) or _where_value(settings, unknown[1])
        if not where:
            return None  # somebody's code has it
        return f'{where}: {_unknown_type(unknown, inner.f_locals["registry"])}'
    if _misses_package(error, frames):
        kind = type(frames[-1].f_locals.get('self'))
        return f'{_where(settings, kind, {}) or "visualizer.vis_backends"}: {error}'
    where = ((_where_value(settings, name) if isinstance(error, KeyError) else '')
             or _where_type(settings, inner) or _where_setting(frames, inner))
    reason = reason_of(error)
    return f'{where}: {reason}' if where else f'no run can be built from it ({reason})'


def _where_type(settings: ConfigDict, frame: FrameType) -> str:
    """Name the place of what is being built, if a registry builds it, or of a transform."""
    if _transforms(frame):
        return _where(settings, type(frame.f_locals.get('t')), {})
    built = frame.f_locals.get('cfg')
    if frame.f_code.co_name != 'build_from_cfg' or not isinstance(built, dict):
        return ''
    return _where(settings, built.get('type'), built)


def _where(settings: ConfigDict, kind: object, built: dict) -> str:
    """Name the places of a type; of several that have it, the ones with the same settings."""
    found = [(place, part) for place, part in parts_of(settings)
             if isinstance(part, dict) and type_name(part.get('type')) == type_name(kind) != '']
    same = [place for place, part in found
            if all(name in built and repr(built[name]) == repr(value)
                   for name, value in part.items() if name != 'type')]
    return ' or '.join((same or [place for place, _ in found])[:3])


def _where_value(settings: ConfigDict, value: str) -> str:
    return ' or '.join([place for place, part in parts_of(settings)
                        if isinstance(part, str) and part == value][:3])


def _where_setting(frames: list[FrameType], inner: FrameType) -> str:
    """Name what the innermost method of the Runner that builds something reads."""
    setting = SETTINGS.get(inner.f_code.co_name, '')
    if setting == 'train_dataloader' and any(frame.f_code.co_name == 'build_val_loop'
                                             for frame in frames):
        return 'val_dataloader'
    return setting


def _unknown_type(found: re.Match, registry: Registry) -> str:
    name, scope, what = found.groups()
    near: list[str] = []
    table: Registry | None = registry
    while table is not None:
        near += difflib.get_close_matches(type_name(name), table.module_dict, 1)
        table = table.parent
    advice = (f'did you mean {near[0]}?' if near else
              'if it is of your own, name its module in custom_imports')
    return (f'no {what} is called {name}' + (f' in the scope {scope}' if scope else '')
            + f'; {advice}')
