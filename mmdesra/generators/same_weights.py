"""Telling whether two checkpoints that should be a pair hold the same weights."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from .reference import AnyReference, Sibling, as_reference
from .unfit_networks import GeneratorError
from .upscaler import Upscaler

CLOSEST = 1e-3
"""The distance of weights, relative to their length, up to which they are the same: storing them
with half precision changes them by 3e-4, the first iterations of a training by more."""


def refuse_same_weights(gan: Upscaler, mse: AnyReference) -> None:
    """Refuse a GAN and a sibling of equal weights: no artifact would be found in any image.

    Args:
        gan (Upscaler): The GAN-trained generator.
        mse (Upscaler | Reference): What it is compared with; only a sibling has weights of its
            own.

    Raises:
        GeneratorError: If both have the same weights, whatever their files are called or how
            they are laid out.
    """
    reference = as_reference(mse)
    if isinstance(reference, Sibling) and have_same_weights(gan.generator,
                                                            reference.upscaler.generator):
        raise GeneratorError(
            'expected the weights of a GAN-trained generator and of its MSE-trained sibling, got '
            'the same weights for both: compared with itself no image has artifacts. Look at '
            '--gan-checkpoint and --mse-checkpoint')


def have_same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have the same trained numbers, but for rounding.

    Names do not count: the same network may be built by two packages. Only parts of one shape
    are compared, in the order in which the networks have them.
    """
    if one is other:
        return True
    ours, theirs = (sorted(network.parameters(), key=lambda part: tuple(part.shape))
                    for network in (one, other))  # a stable order
    if [part.shape for part in ours] != [part.shape for part in theirs] or not ours:
        return False
    if not any(part.any() for part in ours):  # nothing was trained in either
        return False
    # The largest first: where two networks differ, the first look tells.
    return all(_are_close(*pair) for pair in sorted(zip(ours, theirs),
                                                    key=lambda pair: -pair[0].numel()))


def _are_close(one: Tensor, other: Tensor) -> bool:
    ours, theirs = (part.detach().to('cpu', torch.float64) for part in (one, other))
    return bool((ours - theirs).norm() <= CLOSEST * ours.norm())
