"""What the training of an MSE partner says of itself while it runs, and in the end."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .heldout_stop import HeldOutLoss


@dataclass(frozen=True)
class PartnerProgress:
    """Where a training is.

    Attributes:
        iteration (int): Iterations done.
        max_iters (int): The most that will be done; it may end before.
        seconds_per_iteration (float): Measured on this machine, checks not included.
        seconds_left (float): Up to ``max_iters``, checks included.
        losses (tuple[HeldOutLoss, ...]): On held-out patches, up to now; empty if none is held
            out.
        patch_size (int, optional): Side of the GT patches in px, where it is known.
        batch_size (int): Patches of an iteration.
    """
    iteration: int
    max_iters: int
    seconds_per_iteration: float
    seconds_left: float
    losses: tuple[HeldOutLoss, ...]
    patch_size: int | None
    batch_size: int


Report = Callable[[PartnerProgress], None]


@dataclass(frozen=True)
class PartnerResult:
    """What came of a training.

    Attributes:
        path (Path, optional): The partner's weights; None if it was never better than the start:
            then nothing was written.
        iteration (int): The iteration that they are of.
        done (int): Iterations done.
        before (float, optional): Loss on held-out patches of the weights at the start.
        after (float, optional): That of the partner; of the best iteration, if there is none.
        strength (float, optional): How much of the way from the weights at the start to those of
            this iteration was gone, in (0, 1]; None where nothing is held out.
        passes (int): In how many passes it is asked for a reference image.
        photographs (int): That were trained on; 0 with the config's own data.
        heldout (int): Photographs that were held out.
        skipped (tuple[str, ...]): Why photographs were left out, one line each.
    """
    path: Path | None
    iteration: int
    done: int
    before: float | None
    after: float | None
    strength: float | None
    passes: int
    photographs: int
    heldout: int
    skipped: tuple[str, ...]
