"""SRResNet with batch norm: the generator of SRGAN as it was published.

MMagic's ``MSRResNet`` is the later variant without batch norm; published SRGAN pairs (one MSE-SR
and one GAN-SR model of the same architecture) need this one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmdesra.models.batch_norm import NormEvalModule, batch_norm


class ResidualBlock(nn.Module):
    """Conv, batch norm, PReLU, conv, batch norm, added to the input.

    Args:
        channels (int): Channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = batch_norm(channels)
        self.act = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = batch_norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``, (N, channels, H, W)."""
        y = self.act(self.bn1(self.conv1(x)))
        return x + self.bn2(self.conv2(y))


class SRResNet(NormEvalModule):
    r"""SRResNet of Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a GAN".

    The 9x9 head, ``num_blocks`` residual blocks with batch norm, a long skip, one pixel shuffle
    for each doubling and a 9x9 tail with :math:`\tanh`; the output is :math:`(y + 1) / 2`.
    The modules stand in the order of the layers of the Keras model that
    :mod:`mmdesra.generators.keras_srgan` reads.

    Args:
        in_channels (int): Channels of the input. Default: 3.
        out_channels (int): Channels of the output. Default: 3.
        mid_channels (int): Channels of the features. Default: 64.
        num_blocks (int): Number of residual blocks. Default: 16.
        upscale_factor (int): 2 or 4. Default: 4.
        norm_eval (bool): Keep batch norm in evaluation mode while training: it normalises with
            the running statistics and leaves them as they are; its weights and biases still
            train. Fine-tuning sees a few small patches, often centred on artifacts, whose
            statistics would otherwise replace those of the original training set. To train from
            scratch, set it to False. Default: True.

    Raises:
        ValueError: ``upscale_factor`` is not 2 or 4, or another number is not positive.
    """

    def __init__(self,
                 in_channels: int = 3,
                 out_channels: int = 3,
                 mid_channels: int = 64,
                 num_blocks: int = 16,
                 upscale_factor: int = 4,
                 norm_eval: bool = True) -> None:
        super().__init__()
        if upscale_factor not in (2, 4):
            raise ValueError(f'upscale_factor: expected 2 or 4, got {upscale_factor}')
        sizes = dict(in_channels=in_channels, out_channels=out_channels,
                     mid_channels=mid_channels, num_blocks=num_blocks)
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f'{name}: expected a positive integer, got {value}')
        self.upscale_factor = upscale_factor
        self.norm_eval = norm_eval

        self.head = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, 9, padding=4), nn.PReLU(mid_channels))
        self.blocks = nn.Sequential(*(ResidualBlock(mid_channels) for _ in range(num_blocks)))
        # Keras' default momentum, 0.99, stands here; the blocks' differs.
        self.fusion = nn.Sequential(
            nn.Conv2d(mid_channels, mid_channels, 3, padding=1),
            batch_norm(mid_channels, momentum=0.01))
        self.upsampler = nn.Sequential()
        for _ in range(upscale_factor // 2):
            self.upsampler.extend([
                nn.Conv2d(mid_channels, 4 * mid_channels, 3, padding=1),
                nn.PixelShuffle(2),
                nn.PReLU(mid_channels)])
        self.tail = nn.Conv2d(mid_channels, out_channels, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge a batch of images.

        Args:
            x (Tensor): (N, in_channels, H, W), RGB in [0, 1].

        Returns:
            Tensor: (N, out_channels, H * upscale_factor, W * upscale_factor) in [0, 1].
        """
        skip = self.head(x)
        y = skip + self.fusion(self.blocks(skip))
        return (torch.tanh(self.tail(self.upsampler(y))) + 1) / 2
