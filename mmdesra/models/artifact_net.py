"""A small network that says how likely a place of a GAN-SR image is wrong."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 8
"""Pixels of what it returns on one of its input: it works on 4×4 blocks, and returns for two."""

CHANNELS = (32, 48, 64)

DROPPED = 0.1
"""Share of the planes that are left out at random in training: photographs are few."""


class ArtifactNet(nn.Module):
    """Blocks in, an answer for every 2×2 blocks out, with three scales seen on the way.

    Args:
        planes (int): Of the input, see :func:`mmdesra.ops.block_statistics.pair_planes`.
        answers (int): Planes of the output.
        channels (tuple[int, int, int]): Of the scales of 8, 16 and 32 px.
    """

    def __init__(self, planes: int, answers: int,
                 channels: tuple[int, int, int] = CHANNELS) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.enter = _convolution(planes, fine, stride=2)
        self.fine = _convolution(fine, fine)
        self.to_middle = _convolution(fine, middle, stride=2)
        self.middle = _convolution(middle, middle)
        self.to_coarse = _convolution(middle, coarse, stride=2)
        self.coarse = _convolution(coarse, coarse)
        self.middle_again = _convolution(middle + coarse, middle)
        self.fine_again = _convolution(fine + middle, fine)
        self.drop = nn.Dropout2d(DROPPED)
        self.answer = nn.Conv2d(fine, answers, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """Answer for each 2×2 blocks.

        Args:
            planes (Tensor): float32, shape ``(N, planes, H, W)``; 8 divides H and W.

        Returns:
            Tensor: float32, shape ``(N, answers, H / 2, W / 2)``: logits.
        """
        fine = self.fine(self.enter(planes))
        middle = self.middle(self.to_middle(fine))
        coarse = self.drop(self.coarse(self.to_coarse(middle)))
        middle = self.middle_again(torch.cat([middle, _enlarged(coarse)], dim=1))
        fine = self.fine_again(torch.cat([fine, _enlarged(middle)], dim=1))
        return self.answer(self.drop(fine))


def _convolution(before: int, after: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, padding=1),
                         nn.LeakyReLU(0.1, inplace=True))


def _enlarged(values: Tensor) -> Tensor:
    return F.interpolate(values, scale_factor=2, mode='nearest')
