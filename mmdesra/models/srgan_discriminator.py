"""The discriminator of SRGAN, in the VGG style."""

from __future__ import annotations

import math

from torch import Tensor, nn

from mmdesra.models.batch_norm import NormEvalModule, batch_norm

_STRIDE = 16
"""Four convolutions halve the image."""


class FlattenedLinear(nn.Linear):
    """A linear layer on a flattened feature map, which remembers the map's shape.

    Args:
        in_shape (tuple[int, int, int]): (channels, height, width) before flattening.
        out_features (int): Width of the output.
    """

    def __init__(self, in_shape: tuple[int, int, int], out_features: int) -> None:
        super().__init__(math.prod(in_shape), out_features)
        self.in_shape = in_shape


def _conv(in_channels: int, out_channels: int, stride: int = 1,
          norm: bool = True) -> list[nn.Module]:
    """Return padding, 3x3 convolution, batch norm and LeakyReLU, as far as they are needed."""
    layers: list[nn.Module] = []
    if stride == 2:
        layers.append(nn.ZeroPad2d((0, 1, 0, 1)))
    layers.append(nn.Conv2d(in_channels, out_channels, 3, stride, padding=2 - stride))
    if norm:
        layers.append(batch_norm(out_channels))
    layers.append(nn.LeakyReLU(0.2))
    return layers


class SRGANDiscriminator(NormEvalModule):
    """Discriminator of Ledig et al. 2017 for patches of one size.

    Eight 3x3 convolutions, every second one with stride 2 and every second one doubling the
    channels, then two dense layers; batch norm after all convolutions but the first, LeakyReLU
    0.2. The output is a logit: use it with MMagic's ``GANLoss(gan_type='vanilla')``, which
    applies the sigmoid.

    A convolution of stride 2 pads 0 pixels left and above and 1 right and below, as TensorFlow
    does at even sizes; PyTorch's ``padding=1`` would shift the published weights by a pixel.

    Args:
        in_channels (int): Channels of the input. Default: 3.
        mid_channels (int): Channels of the first features. Default: 64.
        input_size (int): Height and width of the input in pixels, a multiple of 16.
            Default: 96.
        dense_channels (int): Width of the first dense layer. Default: 1024.
        norm_eval (bool): Keep batch norm in evaluation mode while training. Wrong for the
            published weights, so the default is False: they were trained with the statistics of
            the batch, real and generated patches in batches of their own (as MMagic does too),
            while the running statistics mix the two. On 96 photograph patches against their
            GAN-SR results, the published weights rank a real one above a generated one with
            probability 1.00 in batches of 16, 0.81 in batches of 4, and 0.59 in evaluation mode.
            So prefer 16 or more patches a batch.

    Raises:
        ValueError: ``input_size`` is not a positive multiple of 16.
    """

    def __init__(self,
                 in_channels: int = 3,
                 mid_channels: int = 64,
                 input_size: int = 96,
                 dense_channels: int = 1024,
                 norm_eval: bool = False) -> None:
        super().__init__()
        if input_size < _STRIDE or input_size % _STRIDE:
            raise ValueError(
                f'input_size: expected a positive multiple of {_STRIDE}, got {input_size}')
        self.in_channels = in_channels
        self.input_size = input_size
        self.norm_eval = norm_eval

        self.features = nn.Sequential(
            *_conv(in_channels, mid_channels, norm=False),
            *_conv(mid_channels, mid_channels, stride=2))
        channels = mid_channels
        for _ in range(3):
            self.features.extend([
                *_conv(channels, 2 * channels), *_conv(2 * channels, 2 * channels, stride=2)])
            channels *= 2
        side = input_size // _STRIDE
        self.classifier = nn.Sequential(
            nn.Flatten(), FlattenedLinear((channels, side, side), dense_channels),
            nn.LeakyReLU(0.2), nn.Linear(dense_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Judge a batch of patches.

        Args:
            x (Tensor): (N, in_channels, input_size, input_size), RGB in [0, 1].

        Returns:
            Tensor: (N, 1), the logit of being a real image.

        Raises:
            ValueError: The patches have another size.
        """
        expected = (self.in_channels, self.input_size, self.input_size)
        if x.ndim != 4 or tuple(x.shape[1:]) != expected:
            raise ValueError(
                'SRGANDiscriminator: expected patches of shape (N, {}, {}, {}), got {}; set the '
                'GT patch size of the training pipeline to input_size'.format(
                    *expected, tuple(x.shape)))
        return self.classifier(self.features(2 * x - 1))
