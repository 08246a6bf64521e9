"""From a type name or a config to a generator."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, Registry
from torch import nn

from ..errors import InputError
from ..files.config_types import type_name
from ..files.configs import import_types, read_config
from .checkpoint import load_weights, read_checkpoint
from .failures import describe_failure
from .origin import note_origin
from .safe_loading import SafeLoading
from .unfit_networks import GeneratorError, refuse_unfit_type
from .upscaler import Upscaler

SPANDREL = 'SpandrelGenerator'


def build_generator(spec: str | dict | type) -> nn.Module:
    """Build a generator with random weights.

    Args:
        spec (str | dict | type): A generator's config dict; or a registered type, or a class,
            that needs no arguments (``'SRResNet'``); or a config file whose ``model.generator``
            is meant, as a path or as ``'mmagic::real_esrgan/….py'``.

    Returns:
        nn.Module: In evaluation mode. MMagic is imported only if the type is one of its own.

    Raises:
        InputError: If the config cannot be read.
        GeneratorError: If it has no generator, the type is unknown, or it needs other arguments.
    """
    if _needs_checkpoint(spec):
        raise GeneratorError('spandrel recognises a generator by its checkpoint; name one: '
                             f"dict(type='{SPANDREL}', checkpoint='FILE')")
    spec = _config_of(spec)
    if not isinstance(spec, dict) or 'type' not in spec:
        raise GeneratorError(f'expected the config of a generator, with its type, got {spec}')
    kind = spec['type']
    registry = _registry_of(kind)
    if isinstance(kind, str) and registry.get(kind) is None:
        raise GeneratorError(f'unknown generator type {kind!r}; expected a registered type '
                             'or a config file')
    try:
        # The scope is named because a runner may have left another default scope behind.
        with SafeLoading():  # some load what is given as `pretrained`
            return registry.build({'_scope_': registry.scope, **spec}).eval()
    except InputError:
        raise
    except Exception as error:  # constructors check their arguments, or fetch weights
        raise GeneratorError(f'{type_name(kind)} cannot be built from {spec} '
                             f'({describe_failure(error)}); name a config file instead, e.g. '
                             'mmagic::real_esrgan/….py') from error


def load_generator(spec: str | dict | type, checkpoint: str | Path) -> nn.Module:
    """Build a generator and fill it; see :func:`build_generator` and :func:`load_weights`.

    With the spec ``'spandrel'``, the generator is what spandrel recognises the checkpoint to be;
    see :class:`mmdesra.generators.spandrel_generator.SpandrelGenerator`.
    """
    if _needs_checkpoint(spec):
        generator = build_generator(dict(type=SPANDREL, checkpoint=str(checkpoint)))
        note_origin(generator, read_checkpoint(checkpoint))
    else:
        generator = build_generator(spec)
        load_weights(generator, checkpoint)
    return generator


def load_upscaler(spec: str | dict | type, checkpoint: str | Path,
                  device: str | torch.device = 'cpu', **options: Any) -> Upscaler:
    """Load a generator and make it ready to enlarge images of any size.

    Args:
        spec (str | dict): See :func:`build_generator`; ``'spandrel'``, see
            :func:`load_generator`.
        checkpoint (str | Path): Its weights.
        device (str | torch.device): Where it runs.
        **options: Of :class:`mmdesra.generators.Upscaler`.

    Raises:
        InputError: As :func:`load_generator`.
        GeneratorError: If the network needs more than an image. One that is known to is refused
            before it is built: some fetch weights then.
    """
    if not _needs_checkpoint(spec):
        spec = _config_of(spec)
        refuse_unfit_type(spec)
    return Upscaler(load_generator(spec, checkpoint).to(device), weights_file=checkpoint,
                    **options)


def _config_of(spec: str | dict | type) -> dict:
    if isinstance(spec, type):
        return dict(type=spec)
    if not isinstance(spec, str):
        return spec
    is_config = '::' in spec or spec.endswith('.py')
    return _generator_of(read_config(spec), spec) if is_config else dict(type=spec)


def _generator_of(config: Config, spec: str) -> dict:
    model = config.get('model')
    generator = model.get('generator') if isinstance(model, dict) else None
    if not isinstance(generator, dict):
        raise GeneratorError(f'{spec}: expected a config with model.generator')
    import_types(generator, spec)
    return generator


def _needs_checkpoint(spec: str | dict | type) -> bool:
    if isinstance(spec, dict):
        return type_name(spec.get('type')) == SPANDREL and not spec.get('checkpoint')
    return spec in ('spandrel', SPANDREL)


def _registry_of(kind: object) -> Registry:
    if kind in MODELS.module_dict:
        return MODELS
    try:
        from mmagic.registry import MODELS as MMAGIC_MODELS
    except ModuleNotFoundError as error:
        if not isinstance(kind, str):  # a class, which is not looked up; its parts may be
            return MODELS
        raise GeneratorError(f'unknown generator type {kind!r}: it is none of ours, and '
                             f'MMagic cannot be imported ({error})') from error
    return MMAGIC_MODELS
