"""A perceptual loss: the distance of VGG16's features, normalised as LPIPS does."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .vgg16 import VGG16Stages

STAGES = 4
"""relu1_2 to relu4_3. The fifth stage sees 200 px around and costs as much as the fourth."""


class DeepFeatureLoss(nn.Module):
    r"""Squared distance of the unit-length features of VGG16, summed over its stages.

    .. math::
        L = \sum_s \operatorname{mean}_{h, w} \|\hat f_s(x)_{hw} - \hat f_s(y)_{hw}\|^2,
        \qquad \hat f = f / \|f\|

    which is LPIPS (Zhang et al., CVPR 2018) with equal weights for all channels, so that the
    network's own weights are all that is needed. Pooling is DISTS's, see :class:`VGG16Stages`.

    Args:
        network (VGG16Stages): Filled with weights. It is not trained, and it does not become a
            part of the model's state: checkpoints would carry it.
    """

    def __init__(self, network: VGG16Stages) -> None:
        super().__init__()
        self._network = (network.eval().requires_grad_(False), )  # a tuple hides it from PyTorch

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            pred (Tensor): Shape ``(N, 3, H, W)``, RGB, values in [0, 1].
            target (Tensor): As ``pred``.
        """
        with torch.no_grad():
            wanted = self._features(target)
        distances = [((ours - theirs)**2).sum(1).mean()
                     for ours, theirs in zip(self._features(pred), wanted)]
        return torch.stack(distances).sum()

    def _features(self, image: Tensor) -> list[Tensor]:
        network = self._network[0].to(image.device)
        # The norm of 512 channels overflows half precision; autocast would bring it back.
        with torch.autocast(image.device.type, enabled=False):
            stages = network(image.float(), STAGES)[1:]
        return [F.normalize(stage, dim=1, eps=1e-6) for stage in stages]
