"""One progress bar for a whole that is made of steps with bars of their own."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tqdm as tqdm_package
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

FORMAT = '{desc}: {percentage:3.0f}%|{bar}| {elapsed} gone, {left} left'
HALF_LIFE = 120.
"""Seconds after which a measurement counts half: a machine may be busy for a while."""
AS_PLANNED = 30.
"""Seconds: at the beginning, the pace is as if so many had gone as planned."""


class Bar:
    """Counts the planned seconds; the time left is what remains of them, times the pace.

    Args:
        seconds (Mapping): By step, the seconds planned for it, in the order of the steps.
        titles (Mapping): By step, its name for people.
        clock (Callable): Returns the time in seconds.
    """

    def __init__(self, seconds: Mapping[str, float], titles: Mapping[str, str],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._titles = titles
        self._clock = clock
        self._last = clock()
        self._planned = self._real = AS_PLANNED
        self._done = self._end = 0.
        self._take(seconds)
        self._bar = _TimeLeftBar(self, bar_format=FORMAT, total=self._total,
                                 disable=None if get_rank() == 0 else True)

    def replan(self, seconds: Mapping[str, float]) -> None:
        """Replace the plan by another one of the same steps."""
        self._take(seconds)
        self._bar.total = self._total

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count the seconds of a step during a block; at its end, all of them."""
        self._bar.set_description_str(self._titles[name])
        self._to(self._starts[name])
        self._end = self._ends[name]
        self._last = self._clock()
        with other_bars_hidden():
            yield
        self._to(self._end)

    def tick(self, seconds: float) -> None:
        """Count work that was done now, at most until the end of the step.

        Args:
            seconds (float): Planned for this work.
        """
        now = self._clock()
        real, self._last = now - self._last, now
        keep = .5**(real / HALF_LIFE)
        self._planned = keep * self._planned + seconds
        self._real = keep * self._real + real
        self.skip(seconds)

    def skip(self, seconds: float) -> None:
        """Count work that a stopped run had done; it says nothing about the pace."""
        self._last = self._clock()
        self._to(min(self._done + seconds, self._end))

    @property
    def pace(self) -> float:
        """float: Seconds that a planned second has taken lately."""
        return self._real / self._planned

    @property
    def left(self) -> float:
        """float: Seconds until the end, if the pace stays."""
        return max(self._total - self._done, 0) * self.pace

    def close(self) -> None:
        """Close the bar as it stands."""
        self._bar.close()

    def watch(self, network: nn.Module, seconds_per_pixel: float) -> None:
        """Count the images that a network enlarges while it does not train.

        Args:
            network (nn.Module): The network; deep copies of it are counted, too.
            seconds_per_pixel (float): Planned for an LR pixel.
        """
        def count(module: nn.Module, inputs: tuple, _: object) -> None:
            if not module.training:
                pixels = inputs[0].shape[0] * inputs[0].shape[-1] * inputs[0].shape[-2]
                self.tick(pixels * seconds_per_pixel)
        network.register_forward_hook(count)

    def _take(self, seconds: Mapping[str, float]) -> None:
        self._starts: dict[str, float] = {}
        self._ends: dict[str, float] = {}
        total = 0.
        for name, value in seconds.items():
            self._starts[name] = total
            self._ends[name] = total = total + value
        self._total = max(total, 1e-9)

    def _to(self, done: float) -> None:
        self._bar.update(max(done - self._done, 0))
        self._done = max(done, self._done)


class _TimeLeftBar(tqdm_package.tqdm):
    """A bar that shows our time left: its own would count skipped seconds as quick work."""

    def __init__(self, whole: Bar, **options: Any) -> None:
        self._whole = whole
        super().__init__(**options)

    @property
    def format_dict(self) -> dict[str, Any]:
        return dict(super().format_dict, left=self.format_interval(self._whole.left))


class CountIterations(Hook):
    """Counts the iterations of a training on a bar.

    Args:
        bar (Bar): The bar.
        seconds (float): Planned for an iteration.
    """
    priority = 'LOWEST'

    def __init__(self, bar: Bar, seconds: float) -> None:
        self.bar = bar
        self.seconds = seconds

    def before_train(self, runner: Runner) -> None:
        """Count the iterations of before a stop."""
        self.bar.skip(runner.iter * self.seconds)

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Count one iteration."""
        self.bar.tick(self.seconds)


@contextmanager
def other_bars_hidden() -> Iterator[None]:
    """Hide the bars of all steps during a block: there is one bar for the whole."""
    original = tqdm_package.std.tqdm.__init__

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **dict(options, disable=True))

    tqdm_package.std.tqdm.__init__ = __init__
    try:
        yield
    finally:
        tqdm_package.std.tqdm.__init__ = original
