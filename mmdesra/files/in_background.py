"""Reading ahead and writing behind, beside the computing."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar('Item')
Result = TypeVar('Result')

AHEAD = 1
"""Items that wait while another is worked on. Each may be a pair of large images."""


def in_background(function: Callable[[Item], Result],
                  items: Iterable[Item]) -> Generator[Future[Result], None, None]:
    """Call a function on each item, one after the other, in a thread beside the caller's.

    What takes long must let go of Python's lock there, as Pillow, NumPy, OpenCV and PyTorch do.
    The items are taken in the caller's thread. So, with the computing between the two, ::

        files = in_background(read, paths)
        outcomes = (compute(file.result()) for file in files)
        for written in in_background(write, outcomes):
            written.result()

    reads the next image and writes the one before while it computes, with the results of the
    plain order. At most :data:`AHEAD` items, and the one that is worked on, are held.

    An error of the items, or Ctrl-C while one is taken, is raised when all that were taken before
    are done and yielded. When the generator ends, or is closed, the thread is gone.

    Args:
        function (Callable): Called in the other thread only, on one item at a time.
        items (Iterable): Any number of items.

    Yields:
        Future: For each item, in order: gives what the function returned, or raises what it
        raised; waits until it is known.
    """
    if AHEAD < 1:
        raise ValueError(f'expected to hold at least 1 item ahead, got {AHEAD}')
    waiting: deque[Future[Result]] = deque()
    iterator, error = iter(items), None
    with ThreadPoolExecutor(1, 'mmdesra', _use_gpu, (_gpu_in_use(),)) as thread:
        while True:
            try:
                item = next(iterator)
            except StopIteration:
                break
            except BaseException as caught:  # noqa: BLE001  (it is raised in the end)
                error = caught
                break
            waiting.append(thread.submit(function, item))
            del item  # it may be large, and is not needed here any more
            if len(waiting) > AHEAD:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    if error is not None:
        raise error


def _gpu_in_use() -> int | None:
    return torch.cuda.current_device() if torch.cuda.is_initialized() else None


def _use_gpu(index: int | None) -> None:
    """Let 'cuda' mean in this thread what it means in the caller's: each begins with the first."""
    if index is not None:
        torch.cuda.set_device(index)
