"""Running a network in evaluation mode, and leaving its modes and weights as they were."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients; afterwards each part is in the mode that it was in."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():  # not inference_mode: what a module caches must stay trainable
            yield
    finally:
        for module, training in modes.items():  # parts may have modes of their own
            module.training = training


def device_of(network: nn.Module) -> torch.device:
    """Return the device of a network's weights; the CPU if it has none."""
    tensor = next(chain(network.parameters(), network.buffers()), None)
    return torch.device('cpu') if tensor is None else tensor.device
