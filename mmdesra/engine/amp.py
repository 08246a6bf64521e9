"""Mixed precision for the optimisers of a config."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn

from ..errors import InputError
from ..files.config_types import class_of, type_name

PLAIN = 'OptimWrapper'
AMP = 'AmpOptimWrapper'
CPU_AMP = 'CpuAmpOptimWrapper'
AMP_ONLY = ('loss_scale', 'dtype', 'use_fsdp')
"""Arguments of ``AmpOptimWrapper`` that ``OptimWrapper`` does not have."""


class CpuAmpOptimWrapper(OptimWrapper):
    """mmengine's ``AmpOptimWrapper`` where there is no accelerator, which it refuses.

    Forward passes run in bfloat16, the half precision of CPUs. It has the range of float32, so
    losses are not scaled, and there is no scaler to keep. A run goes on from a checkpoint of
    either wrapper.

    Args:
        **kwargs: As for ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Cast within; weights, gradients and the optimiser's state stay in float32."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield


def use_amp(config: Config) -> Config:
    """Let every optimiser of a config train in mixed precision, as MMagic's ``--amp`` does.

    Float16 with a dynamic loss scale; on the CPU bfloat16.

    Args:
        config (Config): With one optim wrapper, or one for each network
            (``MultiOptimWrapperConstructor``); changed in place.

    Returns:
        Config: ``config``.

    Raises:
        InputError: If there is no optim wrapper, or one of another type.
    """
    wrappers = list(_wrappers(config.get('optim_wrapper') or {}))
    if not wrappers:
        raise InputError(f'{config.filename}: --amp needs an optim_wrapper in the config')
    is_cpu = get_device() == 'cpu'
    for wrapper in wrappers:
        kind = wrapper.get('type', PLAIN)
        if not _is_known(kind):
            raise InputError(f'{config.filename}: --amp works with optim wrappers of type {PLAIN} '
                             f'or {AMP}, got {type_name(kind)}')
        if is_cpu:
            for name in AMP_ONLY:
                wrapper.pop(name, None)
            wrapper.type = CPU_AMP
        else:
            wrapper.type = AMP
            wrapper.setdefault('loss_scale', 'dynamic')
    return config


def _is_known(kind: object) -> bool:
    """Whether a type is one of the three, and not a class of somebody's that has such a name."""
    found = class_of(kind, OPTIM_WRAPPERS)
    return type_name(kind) in (PLAIN, AMP, CPU_AMP) and (
        found is None or found.__module__.partition('.')[0] in ('mmengine', 'mmdesra'))


def _wrappers(config: ConfigDict) -> Iterator[ConfigDict]:
    if 'optimizer' in config:
        yield config
    else:  # by name of the network
        yield from (part for part in config.values()
                    if isinstance(part, dict) and 'optimizer' in part)
