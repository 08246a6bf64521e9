"""Two processes that work together on the CPU, as two GPUs would.

:func:`run_pair` is for the test, :func:`process_group` for the script that runs twice.
"""
from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A group that exists when torch.distributed.optim is first imported, which mmengine.model does,
# stays in the default arguments of functions there and in torch.distributed.nn, and never ends.
import torch.distributed.optim
from command_lines import PATIENCE, environment
from torch import distributed

from mmdesra.engine.process_group import end_process_group

THREADS = Path('/proc/self/task')


def run_pair(script: str, folder: Path) -> None:
    """Run ``script FOLDER RANK`` for ranks 0 and 1; both must end well.

    When one has failed the other, which would wait for it, is killed.
    """
    logs = [folder / f'rank{rank}.log' for rank in range(2)]
    workers = []
    for rank, path in enumerate(logs):
        with path.open('w') as log:
            workers.append(subprocess.Popen(
                [sys.executable, script, str(folder), str(rank)], cwd=folder, env=environment(),
                stdout=log, stderr=subprocess.STDOUT))
    deadline = time.monotonic() + PATIENCE
    try:
        while None in (codes := [worker.poll() for worker in workers]):
            if any(codes) or time.monotonic() > deadline:
                break
            time.sleep(.02)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert codes == [0, 0], '\n'.join(path.read_text() for path in logs)


@contextmanager
def process_group(folder: Path, rank: int) -> Iterator[None]:
    """Meet the other process; at the end part in good order, else fail.

    What the body made must be out of reach when it ends, see :func:`end_process_group`.
    """
    torch.set_num_threads(1)
    distributed.init_process_group('gloo', init_method=f'file://{folder}/meeting', rank=rank,
                                   world_size=2)
    yield
    end_process_group()
    for _ in range(500):  # a thread that has ended may be listed a moment longer
        left = [name for name in map(name_of, THREADS.glob('*')) if 'gloo' in name]
        if not left:
            return
        time.sleep(.02)
    raise AssertionError(f'threads of a process group outlived it: {left}')


def name_of(thread: Path) -> str:
    """Return a thread's name, where the system says it and the thread is still there."""
    try:
        return (thread / 'comm').read_text().strip()
    except OSError:
        return ''
