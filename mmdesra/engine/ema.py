"""The EMA of a run, with a momentum that leaves little of the loaded weights at the end."""
from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from mmengine.runner import Runner

MAX_OLD_SHARE = .05
"""What may remain of the loaded weights in the EMA at the end, at most."""
MAX_MOMENTUM = .5
"""Highest momentum: MMagic warns above it, and very short runs need no average."""
DEFAULT_MOMENTUM = .001
"""MMagic's, where a config does not say it."""
SHARE_OF_RUN = 9
"""At any iteration the EMA averages about the last ninth of the iterations so far."""


def keep_ema_up(runner: Runner, rounds: int = 1) -> None:
    """Raise the momentum of a run's EMA until little of the loaded weights remains in it.

    If the run is divided into rounds, at the end of each: the next one detects with the EMA.

    The EMA is what is validated and used. With 0.001 it would still be to 37% what it was
    after 1,000 iterations, artifacts included. Done to the hook, not to the config, so that every
    tool that trains has it; call it when the training data are those of the run.
    """
    for hook in _hooks(runner):
        iterations = runner.max_iters // rounds
        own = hook.interp_cfg.get('momentum', DEFAULT_MOMENTUM)
        momentum = max(own, needed_momentum(iterations // max(hook.interval, 1)))
        if momentum > own:
            hook.interp_cfg = dict(hook.interp_cfg, momentum=momentum)
            hook.interp_func = partial(hook.lerp, **hook.interp_cfg)
            runner.logger.info(
                f'DeSRA: momentum of the EMA raised from {own} to {momentum}: after '
                f'{iterations} iterations it would still be to more than '
                f'{MAX_OLD_SHARE:.0%} what was loaded')


def let_ema_follow(runner: Runner) -> None:
    """Set the momentum of the EMA for the next iteration, in a run of unknown length.

    Call it before each iteration. The EMA then averages the last ninth of the iterations so far,
    until the config's own momentum averages over fewer. After ten iterations little is left of the
    loaded weights.
    """
    for hook in _hooks(runner):
        own = hook.interp_cfg.get('momentum', DEFAULT_MOMENTUM)
        momentum = max(own, following_momentum(runner.iter // max(hook.interval, 1)))
        hook.interp_func = partial(hook.lerp, **dict(hook.interp_cfg, momentum=momentum))


def following_momentum(updates: int) -> float:
    """Return the momentum of the next update, after some: k / (n + k), at most one half."""
    return min(SHARE_OF_RUN / (updates + SHARE_OF_RUN), MAX_MOMENTUM)


def needed_momentum(updates: int) -> float:
    """Return the momentum m with which (1 - m)^updates is at most :data:`MAX_OLD_SHARE`.

    It is rounded up to six digits, and at most :data:`MAX_MOMENTUM`.
    """
    if updates < 1:
        return 0.
    return min(math.ceil(1e6 * (1 - MAX_OLD_SHARE**(1 / updates))) / 1e6, MAX_MOMENTUM)


def _hooks(runner: Runner) -> Iterator[Any]:
    from mmagic.engine.hooks import ExponentialMovingAverageHook
    for hook in runner.hooks:
        if isinstance(hook, ExponentialMovingAverageHook) and hook.interp_mode == 'lerp':
            yield hook
