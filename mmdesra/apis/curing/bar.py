"""One progress bar for a whole that is made of steps with bars of their own."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tqdm as tqdm_package
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

FORMAT = '{desc}: {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left'


class Bar:
    """Counts seconds by the plan, so that the time left follows what it really takes.

    Args:
        seconds (Mapping): What each step takes by the plan, in their order.
        titles (Mapping): What people are told of each.
    """

    def __init__(self, seconds: Mapping[str, float], titles: Mapping[str, str]) -> None:
        self._ends: dict[str, float] = {}
        total = 0.
        for name, value in seconds.items():
            total += value
            self._ends[name] = total
        self._starts = {name: self._ends[name] - value for name, value in seconds.items()}
        self._titles = titles
        self._end = 0.
        self._bar = tqdm_package.tqdm(total=max(total, 1e-9), bar_format=FORMAT,
                                      disable=None if get_rank() == 0 else True)
        self._done = 0.

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count within the share of a step."""
        self._bar.set_description_str(self._titles[name])
        self._to(self._starts[name])
        self._end = self._ends[name]
        with other_bars_hidden():
            yield
        self._to(self._end)

    def tick(self, seconds: float) -> None:
        """Count what was done, at most until the end of the step."""
        self._to(min(self._done + seconds, self._end))

    def close(self) -> None:
        """Leave it as it stands."""
        self._bar.close()

    def watch(self, network: nn.Module, seconds_per_pixel: float) -> None:
        """Count the images that a network enlarges while it does not train.

        Args:
            network (nn.Module): Copies of it are counted, too.
            seconds_per_pixel (float): Of an LR pixel.
        """
        def count(module: nn.Module, inputs: tuple, _: object) -> None:
            if not module.training:
                pixels = inputs[0].shape[0] * inputs[0].shape[-1] * inputs[0].shape[-2]
                self.tick(pixels * seconds_per_pixel)
        network.register_forward_hook(count)

    def _to(self, done: float) -> None:
        self._bar.update(max(done - self._done, 0))
        self._done = max(done, self._done)


class CountIterations(Hook):
    """Counts the iterations of a training on a bar.

    Args:
        bar (Bar): The bar.
        seconds (float): What an iteration takes by the plan.
    """
    priority = 'LOWEST'

    def __init__(self, bar: Bar, seconds: float) -> None:
        self.bar = bar
        self.seconds = seconds

    def before_train(self, runner: Runner) -> None:
        """Count those of before a stop."""
        self.bar.tick(runner.iter * self.seconds)

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Count one."""
        self.bar.tick(self.seconds)


@contextmanager
def other_bars_hidden() -> Iterator[None]:
    """Let nothing else draw a bar during a block: there is one for the whole."""
    original = tqdm_package.std.tqdm.__init__

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **dict(options, disable=True))

    tqdm_package.std.tqdm.__init__ = __init__
    try:
        yield
    finally:
        tqdm_package.std.tqdm.__init__ = original
