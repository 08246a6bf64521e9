"""The convolutions of VGG16 as DISTS uses them."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STAGES = ((0, (64, 64)), (5, (128, 128)), (10, (256, 256, 256)), (17, (512, 512, 512)),
          (24, (512, 512, 512)))
"""Each stage: the place of its first layer in torchvision's ``features``, its channels."""

CHANNELS = (3, *(channels[-1] for _, channels in STAGES))
"""Channels of the image and of what each stage returns."""

STRIDES = (1, *(2**stage for stage in range(len(STAGES))))
"""Pixels from one value to the next in the image and in what each stage returns."""

RECEPTIVE_RADIUS = 105
"""Pixels around, on which a value of the last stage depends."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
POOLING_FLOOR = 1e-12


class VGG16Stages(nn.Module):
    """VGG16 (Simonyan and Zisserman, ICLR 2015) up to relu5_3, with L2 pooling.

    Between the stages, DISTS replaces the maximum by the root of the Hann-weighted 3×3 mean of
    squares, against aliasing. Parameters have the names of torchvision's ``vgg16``
    (``features.0.weight`` …), so that its files fit.
    """

    mean: Tensor
    std: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleDict()
        before = CHANNELS[0]
        for first, channels in STAGES:
            for place, after in zip(range(first, first + 2 * len(channels), 2), channels):
                self.features[str(place)] = nn.Conv2d(before, after, 3, padding=1)
                before = after
        self.register_buffer('mean', torch.tensor(IMAGENET_MEAN).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(IMAGENET_STD).view(-1, 1, 1), persistent=False)
        hann = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer('window', torch.outer(hann, hann), persistent=False)

    def forward(self, image: Tensor, stages: int = len(STAGES)) -> list[Tensor]:
        """Return the image and the features of each stage.

        Args:
            image (Tensor): float32, shape ``(N, 3, H, W)``, RGB, in [0, 1].
            stages (int): How many. Default: all five.

        Returns:
            list[Tensor]: ``image`` and one for each stage, of shape
            ``(N, C, ceil(H / s), ceil(W / s))`` with :data:`CHANNELS` and :data:`STRIDES`.
        """
        outputs, x = [image], (image - self.mean) / self.std
        for number, (first, channels) in enumerate(STAGES[:stages]):
            if number:
                x = self._pool(x)
            for place in range(first, first + 2 * len(channels), 2):
                x = F.relu(self.features[str(place)](x))
            outputs.append(x)
        return outputs

    def _pool(self, x: Tensor) -> Tensor:
        window = self.window.expand(x.shape[1], 1, 3, 3)
        mean = F.conv2d(x * x, window, stride=2, padding=1, groups=x.shape[1])
        return (mean + POOLING_FLOOR).sqrt()
