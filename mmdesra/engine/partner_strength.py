r"""How far an MSE partner goes from the GAN's weights to those that were trained.

Between the two lie networks, :math:`\theta_s = (1 - s) \theta_{GAN} + s \theta_{trained}`. A
network trained on few images is often better a part of the way, above all on images of another
kind (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022). The loss on held-out
patches says how far to go.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mmengine.runner import Runner
from torch import Tensor

from ..datasets.partner_pipeline import BICUBIC
from ..errors import InputError
from ..generators import read_checkpoint
from ..generators.blend import between
from ..generators.checkpoint import fill_weights
from ..generators.wrappers import result_generator_of
from .heldout_stop import HeldOutLoss

STRENGTHS = (.9, .8, .7, .6, .5, .4, .3)
"""Tried in this order, after 1: until one keeps too little of the gain."""
GAIN_KEPT_CLEAN, GAIN_KEPT_DEGRADED = 1., .9
"""Share of the fall of the held-out loss that must be kept, for bicubic reductions and for all
others. docs/mse_partner.md has what was measured: for clean reductions the lowest loss is also the
nearest to the published sibling; for degradations a part of the way is, and 90% is where."""


def usual_gain_kept(degradation: str) -> float:
    """Return the share for a degradation: 'bicubic', 'realesrgan', or 'own' of a config."""
    return GAIN_KEPT_CLEAN if degradation == BICUBIC else GAIN_KEPT_DEGRADED


def check_gain_kept(loss_gain_kept: float | None) -> None:
    """Refuse a share that is none.

    Raises:
        InputError: If it is not in (0, 1].
    """
    if loss_gain_kept is not None and not 0 < loss_gain_kept <= 1:
        raise InputError('expected a share of the gain (--loss-gain-kept) above 0, up to 1, got '
                         f'{loss_gain_kept}')


def choose_strength(losses: Mapping[float, float], start: float, loss_gain_kept: float) -> float:
    """Return the smallest strength that keeps enough of the gain.

    Args:
        losses (Mapping[float, float]): Held-out losses by strength.
        start (float): That of the strength 0.
        loss_gain_kept (float): Of the largest gain, in (0, 1].
    """
    wanted = loss_gain_kept * (start - min(losses.values()))
    return min(strength for strength, loss in losses.items() if start - loss >= wanted)


def of_the_way(strength: float | None) -> str:
    """Say how far a partner goes, to be added to its iteration; nothing where it is all of it."""
    return '' if strength in (None, 1) else f', {strength:.0%} of the way there'


class StrengthSearch:
    """Measures the networks between the start and the trained weights.

    Args:
        runner (Runner): After training. The weights of its result are overwritten.
        measure (Callable): Returns the held-out loss of the run's result.
        checkpoint (str | Path): The weights at the start.
        loss_gain_kept (float): See :func:`choose_strength`.
    """

    def __init__(self, runner: Runner, measure: Callable[[Runner], float],
                 checkpoint: str | Path, loss_gain_kept: float) -> None:
        self._runner = runner
        self._measure = measure
        self._loss_gain_kept = loss_gain_kept
        self._generator = result_generator_of(runner.model)
        fill_weights(self._generator, read_checkpoint(checkpoint), checkpoint)
        self._start = {name: value.detach().cpu().clone()
                       for name, value in self._generator.state_dict().items()}

    def search(self, trained: Mapping[str, Tensor], best: HeldOutLoss, start: float
               ) -> tuple[dict, dict]:
        """Go back from the trained weights as far as the held-out loss allows.

        Args:
            trained (Mapping[str, Tensor]): The state dict of the best iteration.
            best (HeldOutLoss): Its loss.
            start (float): That of the weights at the start.

        Returns:
            tuple[dict, dict]: The state dict at the strength that was chosen, on the CPU; and for
            the note of the partner ``strength``, ``loss_gain_kept`` and ``heldout_loss_after``.
        """
        losses = {1.: best.loss}
        for strength in STRENGTHS:
            losses[strength] = self._loss_at(strength, trained)
            if choose_strength(losses, start, self._loss_gain_kept) > strength:
                break
        chosen = choose_strength(losses, start, self._loss_gain_kept)
        self._runner.logger.info(
            f'DeSRA: the partner is {chosen:.0%} of the way from the weights at the start to '
            f'those of iteration {best.iteration}')
        return self._blend(chosen, trained), dict(
            strength=chosen, loss_gain_kept=self._loss_gain_kept,
            heldout_loss_after=losses[chosen])

    def _loss_at(self, strength: float, trained: Mapping[str, Tensor]) -> float:
        self._generator.load_state_dict(self._blend(strength, trained))
        loss = self._measure(self._runner)
        self._runner.logger.info(f'DeSRA: held-out loss {strength:.0%} of the way: {loss:.6f}')
        return loss

    def _blend(self, strength: float, trained: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: between(name, self._start[name], value.cpu(), strength)
                for name, value in trained.items()}
