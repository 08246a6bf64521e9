"""When to stop a training by its loss on held-out patches, and which iteration is the result."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PATIENCE = 5
"""Checks without a gain after which a training is over."""
LEAST_ITERS = 40
"""Iterations before which no training is over and no weights are a result: Adam's first steps,
before its moments are estimates of anything, make a generator worse."""
SMOOTHED = 3
"""Checks whose mean is looked at: single ones go up and down."""
LEAST_GAIN = 1e-3
"""Share by which the loss must fall for it to have fallen."""


@dataclass(frozen=True)
class HeldOutLoss:
    """The loss on held-out patches after some iterations; 0 of them are the start."""
    iteration: int
    loss: float


@dataclass(frozen=True)
class StopRule:
    """The rule.

    Attributes:
        patience (int): See :data:`PATIENCE`.
        least_iters (int): See :data:`LEAST_ITERS`; at most those of the training.
        smoothed (int): See :data:`SMOOTHED`.
        least_gain (float): See :data:`LEAST_GAIN`.
    """
    patience: int = PATIENCE
    least_iters: int = LEAST_ITERS
    smoothed: int = SMOOTHED
    least_gain: float = LEAST_GAIN

    def best(self, losses: Sequence[HeldOutLoss]) -> HeldOutLoss | None:
        """Return the lowest loss from the least iterations on, the earliest of equal ones.

        Args:
            losses (Sequence[HeldOutLoss]): In the order of iterations, from the start on.

        Returns:
            HeldOutLoss | None: None if none is lower than the start's.
        """
        start, *later = losses
        found = min((one for one in later if one.iteration >= self.least_iters),
                    key=lambda one: one.loss, default=None)
        return found if found is not None and self._is_lower(found.loss, start.loss) else None

    def is_over(self, losses: Sequence[HeldOutLoss]) -> bool:
        """Tell whether the smoothed loss has not fallen for as many checks as is patient.

        Checks before the least iterations are not counted.
        """
        values = [one.loss for one in losses[1:]]
        lowest, waited = float('inf'), 0
        for number, one in enumerate(losses[1:]):
            recent = values[max(number - self.smoothed + 1, 0):number + 1]
            mean = sum(recent) / len(recent)
            if self._is_lower(mean, lowest):
                lowest, waited = mean, 0
            elif one.iteration > self.least_iters:
                waited += 1
        return waited >= self.patience

    def _is_lower(self, loss: float, before: float) -> bool:
        return loss < before * (1 - self.least_gain)
