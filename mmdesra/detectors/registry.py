"""The registry of detectors, and building one from its name or config."""
from __future__ import annotations

import inspect
from collections.abc import Mapping

from mmengine.registry import Registry

from ..errors import InputError
from ..files.config_types import type_name
from .base import BaseDetector

DETECTORS = Registry('artifact detector', scope='mmdesra', locations=['mmdesra.detectors'])


def build_detector(config: dict | str | type | BaseDetector, **offered: object) -> BaseDetector:
    """Build a detector from its registered name or class, a config dict, or return it as it is.

    Args:
        config (dict | str | type | BaseDetector): The detector.
        **offered: Arguments such as ``device`` for a detector that takes them and whose config
            does not say otherwise.

    Raises:
        InputError: If no detector has this name, or it cannot be built from the arguments.
    """
    if isinstance(config, BaseDetector):
        return config
    config = dict(type=config) if isinstance(config, (str, type)) else config
    if not isinstance(config, Mapping) or 'type' not in config:
        raise InputError(f"expected a detector's config with a 'type', got {config}")
    config = dict(config)
    known = _check_arguments(config)
    taken = {name: value for name, value in offered.items() if name in known}
    # The scope is named because a runner's default scope (mmagic) has no registry of detectors.
    try:
        return DETECTORS.build(dict(taken, **dict(config, _scope_='mmdesra')))
    except InputError:
        raise
    except (TypeError, ValueError) as error:  # an argument of a wrong type, or one that is missing
        raise InputError(f'the detector cannot be built from {config} ({error})') from error


def _check_arguments(config: dict) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a config's detector, if the config fits them."""
    kind = config['type']
    try:
        detector = DETECTORS.get(kind) if isinstance(kind, str) and kind else kind
    except (RuntimeError, TypeError, ValueError):  # mmengine imports what stands before a dot
        detector = None
    if not (inspect.isclass(detector) and issubclass(detector, BaseDetector)):
        detectors = ', '.join(sorted(DETECTORS.module_dict))
        raise InputError(f'expected one of the detectors {detectors}, got {kind!r} (a detector '
                         'of your own must be imported first)')
    known = inspect.signature(detector).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return known  # it hands them on
    unknown = [name for name in config if name not in known and name not in ('type', '_scope_')]
    if unknown:
        raise InputError(f'the detector {type_name(kind)} takes {", ".join(known)}, got '
                         f'{", ".join(unknown)}')
    return known
