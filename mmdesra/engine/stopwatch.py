"""Where the time of a run goes."""
from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Stopwatch:
    """Seconds of each stage of a run; a resumed run adds to those from before.

    A stage that is timed within :meth:`start_training` does not count as training.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._training: tuple[str, float] | None = None  # its name, and when it would have begun

    @property
    def seconds(self) -> dict[str, float]:
        """dict[str, float]: Of each stage up to now."""
        if self._training is None:
            return dict(self._seconds)
        stage, begin = self._training
        return {**self._seconds, stage: time.perf_counter() - begin}

    def go_on_from(self, seconds: Mapping[str, float]) -> None:
        """Begin with what :attr:`seconds` was in the session before."""
        self._seconds = dict(seconds)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Count what is done within for a stage, which may have been timed before."""
        start = time.perf_counter()
        yield
        elapsed = time.perf_counter() - start
        self._seconds[stage] = self._seconds.get(stage, 0) + elapsed
        if self._training is not None:
            name, begin = self._training
            self._training = name, begin + elapsed

    def start_training(self, stage: str) -> None:
        """Count from now on for a stage whatever is not timed for another."""
        self._training = stage, time.perf_counter() - self._seconds.pop(stage, 0)

    def stop_training(self) -> None:
        """End what :meth:`start_training` began."""
        self._seconds, self._training = self.seconds, None
