"""Seconds and memory of work on a device."""
from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

WARM_UP = 3
MIB = 2**20


class Clock:
    """Measures work on one device.

    Args:
        device (torch.device): On CUDA the time runs between two events in the stream, with
            whatever the host does between them; on the CPU it is the clock's.
        turns (int): Runs that are measured, after :data:`WARM_UP` that are not.
        most_seconds (float): A measurement takes about that long at most; at least one run.
    """

    def __init__(self, device: torch.device, turns: int = 20, most_seconds: float = 10) -> None:
        self.device = device
        self.turns = turns
        self.most_seconds = most_seconds

    @property
    def is_cuda(self) -> bool:
        """bool: Whether the device is a GPU of CUDA's."""
        return self.device.type == 'cuda'

    def seconds(self, function: Callable[[], object]) -> float:
        """Return the median seconds of a call."""
        begin = time.perf_counter()
        for _ in range(WARM_UP):
            self._once(function)
            if time.perf_counter() - begin > self.most_seconds:
                break
        taken: list[float] = []
        begin = time.perf_counter()
        while len(taken) < self.turns and (
                not taken or time.perf_counter() - begin < self.most_seconds):
            taken.append(self._once(function))
        return median(taken)

    def peak_mib(self, function: Callable[[], object]) -> float | None:
        """Call a function; return the most MiB of GPU memory that tensors take meanwhile.

        Those that are there already, such as weights, count. None on the CPU.
        """
        if not self.is_cuda:
            function()
            return None
        self.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        function()
        self.synchronize()
        return torch.cuda.max_memory_allocated(self.device) / MIB

    def synchronize(self) -> None:
        """Wait until the device has done all its work."""
        if self.is_cuda:
            torch.cuda.synchronize(self.device)

    def _once(self, function: Callable[[], object]) -> float:
        if not self.is_cuda:
            begin = time.perf_counter()
            function()
            return time.perf_counter() - begin
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.synchronize()
        start.record()
        function()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1000
