"""A pixel loss for pseudo GTs and another one for ground truths, in one batch."""
from __future__ import annotations

from torch import Tensor, nn


class LossBySource(nn.Module):
    r"""The sum of two losses, each over its own samples of a batch.

    .. math::
        L = L_p(x_P, y_P) + L_t(x_T, y_T)

    with *P* the samples whose target is a pseudo GT and *T* those whose target is the truth. A
    part without samples counts as 0.

    A pseudo GT asks a model to stay as it is outside the artifacts; the truth asks it to become
    better. What is right for one may be wrong for the other: a perceptual distance to pseudo GTs
    leaves more of the artifacts.

    Args:
        pseudo_gt_loss (nn.Module): Of ``(pred, target)``; a mean over samples.
        truth_loss (nn.Module): Likewise.

    Attributes:
        has_truth (Tensor, optional): bool, shape ``(N, )``: which samples of the batch at hand
            have the truth for a target. Set before each iteration; None: none has.
    """

    def __init__(self, pseudo_gt_loss: nn.Module, truth_loss: nn.Module) -> None:
        super().__init__()
        self.pseudo_gt_loss = pseudo_gt_loss
        self.truth_loss = truth_loss
        self.has_truth: Tensor | None = None

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            pred (Tensor): Shape ``(N, C, H, W)``, values in [0, 1].
            target (Tensor): As ``pred``.

        Raises:
            ValueError: If the batch has another size than ``has_truth``.
        """
        if self.has_truth is None:
            return self.pseudo_gt_loss(pred, target)
        if len(self.has_truth) != len(pred):
            raise ValueError(f'expected a batch of {len(self.has_truth)}, got {len(pred)}')
        loss = pred.new_zeros(())
        for samples, loss_of in ((~self.has_truth, self.pseudo_gt_loss),
                                 (self.has_truth, self.truth_loss)):
            if samples.any():
                loss = loss + loss_of(pred[samples], target[samples])
        return loss
