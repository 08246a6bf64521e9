"""Small networks that are particular about what they take, with random weights that show."""
from __future__ import annotations

import torch
from torch import Tensor, nn


def random_weights(network: nn.Module, std: float = .2, seed: int = 0) -> nn.Module:
    """Fill a network so that every pixel in reach shows in its output."""
    torch.manual_seed(seed)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=std)
    return network.eval()


class Folding(nn.Module):
    """Folds pixels into channels, looks at the neighbours, and unfolds more of them.

    It takes multiples of ``fold`` only, and what it makes depends on where a fold begins. It sees
    ``fold`` px to each side beyond the fold that a pixel is in.
    """

    def __init__(self, fold: int, scale: int) -> None:
        super().__init__()
        self.fold = fold
        self.conv = nn.Conv2d(3 * fold**2, 3 * (fold * scale)**2, 3, padding=1)
        self.unfold = nn.PixelShuffle(fold * scale)

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[-1] % self.fold == x.shape[-2] % self.fold == 0, 'cannot be folded'
        return self.unfold(self.conv(nn.functional.pixel_unshuffle(x, self.fold)))


class Enlarging(nn.Module):
    """Nearest neighbours, after whatever a subclass does to the input."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * nn.functional.interpolate(self.check(x), scale_factor=self.scale)

    def check(self, x: Tensor) -> Tensor:
        return x


class Mirroring(Enlarging):
    """Takes from ``least`` px on, as what mirrors its border does."""

    def __init__(self, least: int, scale: int = 2) -> None:
        super().__init__(scale)
        self.least = least

    def check(self, x: Tensor) -> Tensor:
        border = self.least - 1
        return nn.functional.pad(x, [border] * 4, 'reflect')[
            ..., border:border + x.shape[-2], border:border + x.shape[-1]]


class Raising(Enlarging):
    """Raises an error on images of one width."""

    def __init__(self, error: BaseException, width: int = 52, scale: int = 2) -> None:
        super().__init__(scale)
        self.error = error
        self.width = width

    def check(self, x: Tensor) -> Tensor:
        if x.shape[-1] == self.width:
            raise self.error
        return x
