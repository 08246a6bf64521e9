"""The reference of a fine-tuning run."""
from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from mmengine.runner import Runner
from torch import nn

from ..errors import InputError
from ..generators import (
    Reference,
    Sibling,
    Upscaler,
    build_reference,
    load_generator,
    load_weights,
)
from ..generators.reference import ReferenceSpec
from ..generators.wrappers import generator_of
from .start_weights import start_sibling


def sibling_of_run(runner: Runner, checkpoint: str, generator: str | dict | None,
                   upscaler: Callable[[nn.Module], Upscaler]) -> Reference:
    """Load the MSE-trained sibling.

    Args:
        runner (Runner): The run, its model loaded.
        checkpoint (str): The sibling's weights.
        generator (str | dict, optional): Its type or config. Default: the model's own.
        upscaler (Callable): Makes an :class:`Upscaler` of a generator.

    Raises:
        CheckpointError: If the checkpoint does not fill the whole generator.
    """
    if generator is not None:
        sibling = load_generator(generator, checkpoint)
    else:
        sibling = deepcopy(generator_of(runner.model))
        start_sibling(sibling, checkpoint, runner.logger)
    ready = upscaler(_frozen(sibling, runner))
    ready.weights_file = checkpoint
    return Sibling(ready)


def own_reference_of_run(runner: Runner, spec: ReferenceSpec, start: str | None,
                         upscaler: Callable[[nn.Module], Upscaler]) -> Reference:
    """Make a reference of the GAN as it was before fine-tuning; training does not change it.

    Args:
        runner (Runner): The run, its model loaded.
        spec (str | Mapping): See :func:`mmdesra.generators.build_reference`.
        start (str, optional): The checkpoint that fine-tuning starts from.
        upscaler (Callable): Makes an :class:`Upscaler` of a generator.

    Raises:
        InputError: If the reference cannot be built, or a resumed run does not say what it
            started from.
    """
    generator = deepcopy(generator_of(runner.model))
    if runner.iter:  # its weights are fine-tuned
        if not start:
            raise InputError('a resumed run needs gan_checkpoint: the reference is made of the '
                             'GAN-SR model as it was before fine-tuning')
        load_weights(generator, start)
    reference = build_reference(spec, upscaler(_frozen(generator, runner)))
    runner.logger.info(f'DeSRA: the reference is the {reference.name}; no sibling is needed')
    return reference


def _frozen(generator: nn.Module, runner: Runner) -> nn.Module:
    return generator.requires_grad_(False).to(next(runner.model.parameters()).device)
