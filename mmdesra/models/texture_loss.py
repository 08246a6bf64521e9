"""A loss on the texture that DeSRA's detector looks at, beside the pixel loss."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops.statistics import WINDOW_SIZE, filter_by_conv

STD_FLOOR = 1 / 255
"""Added to the variance, squared: at no texture the root's slope would be infinite."""


class PixelTextureLoss(nn.Module):
    r"""L1 on the pixels and L1 on the local standard deviations.

    .. math::
        L = \lambda_p \operatorname{mean} |x - y|
          + \lambda_t \operatorname{mean} |\sigma(x) - \sigma(y)|

    with :math:`\sigma` as in DeSRA's detector (11×11 Gaussian window, each channel on its own;
    valid area only), of values in [0, 1] and with a floor of 1/255.

    On pseudo GTs, L1 alone removes artifacts and fades texture: where the generator cannot tell
    which of two textures is asked for, the median of the two is the best answer, and the median
    has less texture than either. The second term asks for the texture's strength whatever its
    phase: inside an artifact for that of the MSE-SR image, which is what the detector compares,
    outside for that of the GAN-SR image.

    Args:
        pixel_weight (float): :math:`\lambda_p`. Default: 1.
        texture_weight (float): :math:`\lambda_t`. Default: 1.
    """

    def __init__(self, pixel_weight: float = 1.0, texture_weight: float = 1.0) -> None:
        super().__init__()
        self.pixel_weight = pixel_weight
        self.texture_weight = texture_weight

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            pred (Tensor): Shape ``(N, C, H, W)``, values in [0, 1].
            target (Tensor): As ``pred``.

        Raises:
            ValueError: If a side is shorter than the window.
        """
        if min(pred.shape[-2:]) < WINDOW_SIZE:
            raise ValueError(f'expected patches of at least {WINDOW_SIZE}x{WINDOW_SIZE} px, got '
                             f'{pred.shape[-1]}x{pred.shape[-2]}')
        pixel = F.l1_loss(pred, target)
        texture = F.l1_loss(_std(pred), _std(target.detach()))
        return self.pixel_weight * pixel + self.texture_weight * texture


def _std(image: Tensor) -> Tensor:
    # Half precision has too few digits for a difference of squares; autocast would bring
    # convolutions back to it.
    with torch.autocast(image.device.type, enabled=False):
        planes = image.float().flatten(0, 1)
        mean, mean_of_squares = filter_by_conv(torch.cat([planes, planes * planes])).chunk(2)
        variance = (mean_of_squares - mean * mean).clamp(min=0)
        return (variance + STD_FLOOR**2).sqrt()
