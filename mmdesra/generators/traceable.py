"""Networks in a form that exporters can follow: what they trace must hold for every size."""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .spandrel_generator import SpandrelGenerator

MMAGIC_RRDBNET = 'mmagic.models.editors.esrgan.rrdb_net'
"""The module whose ``pixel_unshuffle`` keeps the size that it is traced with."""

Unshuffle = Callable[[Tensor, int], Tensor]
"""Called as MMagic's and PyTorch's: with an image and ``scale``, the side of what is folded."""


class AnySize(nn.Module):
    """A network that extends images to a multiple, by their mirror image, and cuts the result.

    As :class:`mmdesra.generators.Upscaler` does it, but traced for every size.

    Args:
        network (nn.Module): Shape ``(N, 3, H, W)`` to ``(N, 3, s·H, s·W)``.
        multiple (int): What H and W are made multiples of.
        scale (int): s.
    """

    def __init__(self, network: nn.Module, multiple: int, scale: int) -> None:
        super().__init__()
        self.network = network
        self.multiple = multiple
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge a batch of images."""
        if self.multiple == 1:
            return self.network(x)
        height, width = x.shape[-2:]
        below, right = -height % self.multiple, -width % self.multiple
        y = self.network(F.pad(x, (0, right, 0, below), 'reflect'))
        return y[..., :height * self.scale, :width * self.scale]


def plain_network(generator: nn.Module) -> nn.Module:
    """Return the network without what pads images around it, in a way that no trace can follow."""
    return generator.network if isinstance(generator, SpandrelGenerator) else generator


@contextmanager
def unshuffling_by(unshuffle: Unshuffle) -> Iterator[None]:
    """Let networks fold pixels into channels by a function that is traced for every size."""
    rrdbnet = sys.modules.get(MMAGIC_RRDBNET)
    with _Replaced(unshuffle):
        if rrdbnet is None:
            yield
            return
        with mock.patch.object(rrdbnet, 'pixel_unshuffle', unshuffle):
            yield


def unshuffle_by_reshaping(x: Tensor, scale: int) -> Tensor:
    """PyTorch's own, which its ONNX exporter writes for every size that is a multiple."""
    with torch._C.DisableTorchFunction():
        return torch.pixel_unshuffle(x, scale)


def unshuffle_by_convolution(x: Tensor, scale: int) -> Tensor:
    """The same as a convolution, for images of any size: their last row and column go on.

    Args:
        x (Tensor): Shape ``(N, C, H, W)``.
        scale (int): f.

    Returns:
        Tensor: Shape ``(N, f²·C, ⌈H/f⌉, ⌈W/f⌉)``.
    """
    channels = x.shape[1]
    kernel = torch.eye(scale**2).reshape(scale**2, 1, scale, scale).repeat(
        int(channels), 1, 1, 1)
    rest = scale - 1
    return F.conv2d(F.pad(x, (0, rest, 0, rest), 'replicate'), kernel, stride=scale,
                    groups=int(channels))


class _Replaced(TorchFunctionMode):
    """Calls another function in the place of ``torch.pixel_unshuffle``."""

    def __init__(self, unshuffle: Unshuffle) -> None:
        super().__init__()
        self._unshuffle = unshuffle

    def __torch_function__(self, function: Any, types: Any, args: Any = (),
                           kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is torch.pixel_unshuffle:
            return self._unshuffle(args[0], kwargs.get('downscale_factor', *args[1:2]))
        return function(*args, **kwargs)
