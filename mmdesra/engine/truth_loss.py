"""The loss on ground truths in a fine-tuning run, beside the one on pseudo GTs."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..datasets.mixed_dataset import HAS_TRUTH
from ..detectors.backbone import load_backbone
from ..errors import InputError
from ..generators.wrappers import unwrap
from ..models.deep_feature_loss import DeepFeatureLoss
from ..models.loss_by_source import LossBySource
from ..models.texture_loss import PixelTextureLoss
from ..models.vgg16 import VGG16Stages


class TruthLoss(nn.Module):
    r"""Pixels, texture and, where VGG16's weights are given, its features.

    .. math::
        L = \lambda_p \operatorname{mean} |x - y|
          + \lambda_t \operatorname{mean} |\sigma(x) - \sigma(y)| + \lambda_f L_f(x, y)

    see :class:`PixelTextureLoss` and :class:`DeepFeatureLoss`. docs/results.md compares
    weights.

    Args:
        pixel_weight (float): :math:`\lambda_p`. Default: 0.5.
        texture_weight (float): :math:`\lambda_t`. Default: 2.
        perceptual_weight (float): :math:`\lambda_f`. Default: 0.4.
        vgg16_weights (str | Path, optional): File of torchvision's vgg16, trained on ImageNet. It
            is not downloaded; without it there is no perceptual term.

    Raises:
        InputError: If the weights do not fill the network, or a weight is negative.
    """

    def __init__(self, pixel_weight: float = .5, texture_weight: float = 2.,
                 perceptual_weight: float = .4, vgg16_weights: str | Path | None = None) -> None:
        super().__init__()
        for name, weight in dict(pixel_weight=pixel_weight, texture_weight=texture_weight,
                                 perceptual_weight=perceptual_weight).items():
            if not isinstance(weight, (int, float)) or not weight >= 0:
                raise InputError(f'truth_loss: expected {name} of at least 0, got {weight!r}')
        self.perceptual_weight = perceptual_weight
        self._surface = PixelTextureLoss(pixel_weight, texture_weight)
        self._features: DeepFeatureLoss | None = None
        if vgg16_weights is not None and perceptual_weight:
            network = VGG16Stages()
            load_backbone(network, vgg16_weights, 'vgg16')
            self._features = DeepFeatureLoss(network)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            pred (Tensor): Shape ``(N, 3, H, W)``, RGB, values in [0, 1].
            target (Tensor): As ``pred``.
        """
        loss = self._surface(pred, target)
        if self._features is not None:
            loss = loss + self.perceptual_weight * self._features(pred, target)
        return loss

    @property
    def is_perceptual(self) -> bool:
        """bool: Whether it has the perceptual term."""
        return self._features is not None


def build_truth_loss(settings: Mapping | None) -> TruthLoss:
    """Build a :class:`TruthLoss` from its arguments.

    Raises:
        InputError: If it has no argument of a name, or see there.
    """
    try:
        return TruthLoss(**(settings or {}))
    except TypeError as error:
        raise InputError(f'truth_loss: {error}') from error


def take_truth_loss(model: nn.Module, truth_loss: TruthLoss) -> LossBySource:
    """Let a model take another loss on ground truths than on pseudo GTs.

    Args:
        model (nn.Module): A model of MMagic's with a ``pixel_loss``; changed in place.
        truth_loss (TruthLoss): The loss on ground truths.

    Raises:
        InputError: If the model has no pixel loss.
    """
    model = unwrap(model)
    pixel_loss = getattr(model, 'pixel_loss', None)
    if pixel_loss is None:
        raise InputError(f'truth_share: {type(model).__name__} has no pixel_loss, which the loss '
                         'on the truths would stand beside; give model.pixel_loss, such as '
                         "dict(type='PixelTextureLoss')")
    both = LossBySource(pixel_loss, truth_loss)
    model.pixel_loss = both
    return both


def mark_truths(loss: LossBySource, data_batch: Mapping, device: torch.device) -> None:
    """Tell a loss which samples of the next batch have the truth for a target.

    Args:
        loss (LossBySource): To be told.
        data_batch (Mapping): Of a :class:`MixedDataset`, before the data preprocessor.
        device (torch.device): Of the model.
    """
    samples: Sequence = data_batch['data_samples']
    loss.has_truth = torch.tensor([sample.metainfo[HAS_TRUTH] for sample in samples],
                                  device=device)
