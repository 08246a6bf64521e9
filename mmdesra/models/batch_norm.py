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


class NormEvalModule(nn.Module):
    """A network that can keep its batch norm in evaluation mode while it trains.

    Attributes:
        norm_eval (bool): Whether it does; see :func:`batch_norm_to_eval`.
    """
    norm_eval: bool

    def train(self, mode: bool = True) -> NormEvalModule:
        """Set the mode; with ``norm_eval`` batch norm stays in evaluation mode."""
        super().train(mode)
        if mode and self.norm_eval:
            batch_norm_to_eval(self)
        return self


def batch_norm_to_eval(network: nn.Module) -> None:
    """Make the batch norm layers normalise with their running statistics, and leave these alone.

    Their weights and biases train on. Synchronised batch norm counts as batch norm.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
