"""Finding the networks inside an MMagic model, whether or not it is wrapped for training.

Apart from the other files here, because mmengine's model package takes seconds to import.
"""
from __future__ import annotations

from typing import Any

from mmengine.model import is_model_wrapper
from torch import nn


def unwrap(module: Any) -> Any:
    """Return the module inside a (distributed) wrapper, or the module itself."""
    return module.module if is_model_wrapper(module) else module


def generator_of(model: nn.Module) -> nn.Module:
    """Return the generator that an MMagic model trains."""
    return unwrap(unwrap(model).generator)


def result_generator_of(model: nn.Module) -> nn.Module:
    """Return the generator that an MMagic model infers with: the EMA where it keeps one."""
    ema = getattr(unwrap(model), 'generator_ema', None)
    return generator_of(model) if ema is None else unwrap(ema)
