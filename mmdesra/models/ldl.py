"""LDL: Real-ESRGAN with a loss on what looks like an artifact."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmagic.models.editors.real_esrgan import RealESRGAN
from mmagic.registry import MODELS
from torch import Tensor

from ..ops.ldl import refined_artifact_map

ARTIFACT_LOSS = dict(type='L1Loss', loss_weight=1.0, reduction='mean')
"""``artifacts_opt`` of the authors' ``options/train/LDL/train_Realworld_LDL.yml``."""


class LDL(RealESRGAN):
    r"""Locally discriminative learning for any generator that Real-ESRGAN trains.

    Reference: Liang, Zeng and Zhang, "Details or Artifacts: A Locally Discriminative Learning
    Approach to Realistic Image Super-Resolution", CVPR 2022; its code: csjliang/LDL.

    To the losses of :class:`mmagic.models.RealESRGAN` comes one on the pixels of the artifact map
    :math:`M` of the output :math:`x`, the GT :math:`y` and the EMA model's output (see
    :func:`mmdesra.ops.ldl.refined_artifact_map`):

    .. math:: L_\text{artifact} = w \cdot \operatorname{mean} |M \cdot x - M \cdot y|

    :math:`y` is the GT as it is. The authors do not sharpen it here even where they sharpen it for
    the other losses (``l1_gt_usm``, ``percep_gt_usm``; the ``is_use_sharpened_gt_in_*`` of
    MMagic). The authors' other settings are in ``configs/desra/``.

    Args:
        artifact_loss (Mapping, optional): A pixel loss of MMagic. Default:
            :data:`ARTIFACT_LOSS`; None trains a plain Real-ESRGAN.
        **kwargs: As for RealESRGAN. With ``is_use_ema=False`` the map is not refined.
    """

    def __init__(self, *, artifact_loss: Mapping | None = ARTIFACT_LOSS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.artifact_loss = MODELS.build(dict(artifact_loss)) if artifact_loss else None

    def train(self, mode: bool = True) -> LDL:
        """Set the mode; the EMA model stays in evaluation mode, it never trains."""
        super().train(mode)
        if self.generator_ema is not None:
            self.generator_ema.eval()
        return self

    def forward_train(self, inputs: Tensor, data_samples: Any = None, **kwargs: Any) -> Tensor:
        """Return the generator's output; keep what the artifact loss compares it with.

        Args:
            inputs (Tensor): LR images, shape ``(N, C, H, W)``, in [0, 1].
            data_samples (DataSample): With ``gt_img``, in [0, 1].
            **kwargs: As for RealESRGAN.
        """
        self._inputs, self._gt = inputs, data_samples.gt_img
        return super().forward_train(inputs, data_samples, **kwargs)

    def g_step(self, batch_outputs: Tensor,
               batch_gt_data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Return the losses of the generator, ``loss_artifact`` among them.

        Args:
            batch_outputs (Tensor): What :meth:`forward_train` returned.
            batch_gt_data (tuple[Tensor, ...]): From RealESRGAN's ``extract_gt_data``.
        """
        losses = super().g_step(batch_outputs, batch_gt_data)
        if self.artifact_loss is not None:
            artifact_map = refined_artifact_map(batch_outputs, self._gt, self._ema_output())
            losses['loss_artifact'] = self.artifact_loss(artifact_map * batch_outputs,
                                                         artifact_map * self._gt)
        return losses

    @torch.no_grad()
    def _ema_output(self) -> Tensor | None:
        return None if self.generator_ema is None else self.generator_ema(self._inputs)
