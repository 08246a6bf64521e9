"""Several ways of doing one thing, measured in turns so that all see the same machine."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tqdm import tqdm


class Spent(NamedTuple):
    """Seconds.

    Attributes:
        clock (float): Of the clock.
        processor (float): Of this process, on all its threads; on a machine that is busy with
            other work only these can be compared.
    """
    clock: float
    processor: float


class Stopwatch:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self.start = time.perf_counter(), time.process_time()

    def read(self) -> Spent:
        """Return the seconds until now."""
        return Spent(time.perf_counter() - self.start[0], time.process_time() - self.start[1])


@dataclass(frozen=True)
class Quartiles:
    """The middle of some figures, and between which two half of them are."""
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Quartiles:
        """Return those of some figures, at least one."""
        low, median, high = np.percentile([*values], [25, 50, 75])
        return cls(float(median), float(low), float(high))

    def __sub__(self, other: float) -> Quartiles:
        return Quartiles(self.median - other, self.low - other, self.high - other)

    def __format__(self, spec: str) -> str:
        return f'{self.median:{spec}} ({self.low:{spec}} to {self.high:{spec}})'


@dataclass(frozen=True)
class Turns:
    """What each way took in each turn.

    Args:
        spent (Mapping[str, list[Spent]]): By the way's name.
    """
    spent: Mapping[str, list[Spent]]

    def median(self, name: str) -> Spent:
        """Return the median seconds of a way."""
        return Spent(*(float(np.median(seconds)) for seconds in zip(*self.spent[name])))

    def ratio(self, name: str, to: str, by: str = 'clock') -> Quartiles:
        """Return how many times as long as another way one takes, turn by turn.

        Args:
            name (str): The way.
            to (str): The other one.
            by (str): A field of :class:`Spent`.
        """
        return Quartiles.of(getattr(mine, by) / getattr(other, by)
                            for mine, other in zip(self.spent[name], self.spent[to]))


Way = Callable[[], object]
"""Does it once. Where it returns :class:`Spent`, such as that of a part of what it does or of
another process, this counts in the place of the call's own seconds."""


def take_turns(ways: Mapping[str, Way], turns: int, after: Callable[[dict], None] | None = None,
               warm_up: int = 1, title: str = 'in turns') -> Turns:
    """Let several ways take turns.

    Every second turn goes backwards, so that none always finds the machine as the same other left
    it.

    Args:
        ways (Mapping[str, Way]): By their names.
        turns (int): How often each is measured.
        after (Callable, optional): Given, after each turn, what each way returned, by name.
        warm_up (int): Turns before these that do not count: they fill caches and compile.
        title (str): What the progress bar says.
    """
    spent: dict[str, list[Spent]] = {name: [] for name in ways}
    for turn in tqdm(range(-warm_up, turns), title, unit='turn', leave=False):
        results = {}
        for name in list(ways)[::-1 if turn % 2 else 1]:
            watch = Stopwatch()
            results[name] = ways[name]()
            seconds = watch.read()
            if turn >= 0:
                own = results[name]
                spent[name].append(own if isinstance(own, Spent) else seconds)
        if after is not None:
            after(results)
    return Turns(spent)
