"""From a type name or a config to a generator."""
from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import MODELS
from torch import nn

from .checkpoint import load_weights


class GeneratorError(ValueError):
    """A generator that cannot be built from what was given."""


def build_generator(spec: str | dict) -> nn.Module:
    """Build a generator with random weights.

    Args:
        spec (str | dict): A generator's config dict; or a registered type that needs no
            arguments (``'SRResNet'``); or a config file whose ``model.generator`` is meant, as
            a path or as ``'mmagic::real_esrgan/….py'``.

    Returns:
        nn.Module: In evaluation mode. MMagic is imported only if the type is one of its own.

    Raises:
        GeneratorError: If the config has no generator, the type is unknown, or it needs
            arguments.
    """
    if isinstance(spec, str):
        spec = _read_config(spec) if _names_config(spec) else dict(type=spec)
    try:
        return _registry_of(spec['type']).build(dict(spec)).eval()
    except KeyError as error:
        raise GeneratorError(f'unknown generator type {spec["type"]!r} ({error}); expected a '
                             'registered type or a config file') from error
    except TypeError as error:
        raise GeneratorError(f'{spec["type"]} cannot be built from {spec} ({error}); name a '
                             'config file instead, e.g. mmagic::real_esrgan/….py') from error


def load_generator(spec: str | dict, checkpoint: str | Path) -> nn.Module:
    """Build a generator and fill it; see :func:`build_generator` and :func:`load_weights`."""
    generator = build_generator(spec)
    load_weights(generator, checkpoint)
    return generator


def _names_config(spec: str) -> bool:
    return '::' in spec or spec.endswith('.py')


def _read_config(spec: str) -> dict:
    if '::' in spec:
        from mmengine.hub import get_config
        config = get_config(spec.removesuffix('.py') + '.py')
    else:
        config = Config.fromfile(spec)
    try:
        return config.model.generator.to_dict()
    except AttributeError as error:
        raise GeneratorError(f'{spec}: expected a config with model.generator') from error


def _registry_of(type_name: str):
    if type_name in MODELS.module_dict:
        return MODELS
    from mmagic.registry import MODELS as MMAGIC_MODELS
    return MMAGIC_MODELS
