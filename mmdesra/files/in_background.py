"""Reading the next image and writing the previous one in threads, while one is computed."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar('Item')
Result = TypeVar('Result')

AHEAD = 1
"""Items that wait while another is worked on. Only one, as it may be a pair of large images."""


def in_background(function: Callable[[Item], Result],
                  items: Iterable[Item]) -> Generator[Future[Result], None, None]:
    """Call a function on one item after the other, in a thread of its own.

    The items are taken in the caller's thread. For example, ::

        files = in_background(read, paths)
        outcomes = (compute(file.result()) for file in files)
        for written in in_background(write, outcomes):
            written.result()

    reads the next image and writes the previous one while it computes; the results are those of
    a plain loop. At most :data:`AHEAD` items wait beside the one that is worked on. It saves time
    where the function releases the GIL, as Pillow, NumPy, OpenCV and PyTorch do.

    If taking an item raises an error, or Ctrl-C comes meanwhile, it is raised after all earlier
    items are done and yielded. When the generator ends or is closed, the thread has ended.

    Args:
        function (Callable): Called only in the other thread, on one item at a time.
        items (Iterable): Any number of items.

    Yields:
        Future: For each item, in order; its ``result()`` waits for the function, and returns or
        raises what the function did.
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
            del item  # it may be large
            if len(waiting) > AHEAD:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    if error is not None:
        raise error


def _gpu_in_use() -> int | None:
    return torch.cuda.current_device() if torch.cuda.is_initialized() else None


def _use_gpu(index: int | None) -> None:
    """Make the caller's GPU current in this thread, which would begin with the first one."""
    if index is not None:
        torch.cuda.set_device(index)
