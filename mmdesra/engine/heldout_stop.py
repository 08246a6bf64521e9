"""When to stop a training by its loss on held-out patches, and which iteration is the result."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PATIENCE = 5
"""Number of checks without a gain after which training ends."""
LEAST_ITERS = 40
"""Iterations before which no training is over and no weights are a result: Adam's first steps,
before its moments are estimates of anything, make a generator worse."""
SMOOTHED = 3
"""Checks up to one whose mean is looked at, in place of the one: single ones go up and down with
the last few batches, and the lowest of many is a lucky one."""
LEAST_GAIN = 1e-3
"""Relative decrease of the loss that counts as a gain."""


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
        """Return the check whose smoothed loss is lowest, from the least iterations on.

        Args:
            losses (Sequence[HeldOutLoss]): In the order of iterations, from the start on.

        Returns:
            HeldOutLoss | None: The earliest of equal ones; None if none is lower than the start.
        """
        start = losses[0].loss
        found = [(mean, one) for one, mean in self._smooth(losses)
                 if one.iteration >= self.least_iters and self._is_lower(mean, start)
                 and self._is_lower(one.loss, start)]
        return min(found, key=lambda pair: pair[0])[1] if found else None

    def is_over(self, losses: Sequence[HeldOutLoss]) -> bool:
        """Tell whether the smoothed loss has not fallen for ``patience`` checks.

        Checks before the least iterations are not counted.
        """
        lowest, waited = float('inf'), 0
        for one, mean in self._smooth(losses):
            if self._is_lower(mean, lowest):
                lowest, waited = mean, 0
            elif one.iteration > self.least_iters:
                waited += 1
        return waited >= self.patience

    def _smooth(self, losses: Sequence[HeldOutLoss]) -> Iterator[tuple[HeldOutLoss, float]]:
        """Yield the checks after the start, each with the mean of the last few."""
        for number in range(1, len(losses)):
            recent = losses[max(number - self.smoothed + 1, 1):number + 1]
            yield losses[number], sum(one.loss for one in recent) / len(recent)

    def _is_lower(self, loss: float, before: float) -> bool:
        return loss < before * (1 - self.least_gain)
