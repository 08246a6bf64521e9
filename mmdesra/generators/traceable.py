"""Changing networks so that a traced export works for every image size."""
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
    """Return the network without the padding of :class:`SpandrelGenerator`, if it has one."""
    return generator.network if isinstance(generator, SpandrelGenerator) else generator


@contextmanager
def unshuffling_by(unshuffle: Unshuffle) -> Iterator[None]:
    """Replace ``pixel_unshuffle`` in networks by a function whose trace holds for every size."""
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
    """``pixel_unshuffle`` as a convolution; the last row and column are repeated as needed.

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


MARK = 2.**100
"""Larger than any value in a network, so that clipping to it changes nothing."""

_SUMS = frozenset((
    torch.add, torch.sub, torch.mul, torch.div, Tensor.add, Tensor.sub, Tensor.mul, Tensor.div,
    Tensor.add_, Tensor.sub_, Tensor.mul_, Tensor.div_, Tensor.__add__, Tensor.__radd__,
    Tensor.__iadd__, Tensor.__sub__, Tensor.__rsub__, Tensor.__isub__, Tensor.__mul__,
    Tensor.__rmul__, Tensor.__imul__, Tensor.__truediv__, Tensor.__itruediv__))


class MarkedSums(TorchFunctionMode):
    """Clips each sum and product of two images to ±:data:`MARK`, which changes nothing.

    pnnx names what a sum makes by the names of what is added. Where such names are made of
    others, as in a residual of residuals, they double with each block: an RRDBNet of 23 blocks
    takes more than 16 GiB. After a layer of another kind names are short again.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (),
                           kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        is_of_images = (function in _SUMS and all(isinstance(one, Tensor) for one in args[:2])
                        and result.ndim == 4 and result.is_floating_point())
        return F.hardtanh(result, -MARK, MARK) if is_of_images else result


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
