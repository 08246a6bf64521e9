"""What the networks of this package share about batch norm."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

BN_EPS = 1e-3
"""Keras' default. PyTorch's 1e-5 would change the output of the published weights."""

BN_MOMENTUM = 0.2
"""Share of the new batch in the running statistics; Keras writes it as ``momentum=0.8``."""


def batch_norm(channels: int, momentum: float = BN_MOMENTUM) -> nn.BatchNorm2d:
    """Return a batch norm layer as the published SRGAN networks have it."""
    return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=momentum)


def batch_norm_to_eval(network: nn.Module) -> None:
    """Make the batch norm layers normalise with their running statistics, and leave these alone.

    Their weights and biases train on. Synchronised batch norm counts as batch norm.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
