"""Running the tools as a user does, and faster, in this process."""
from __future__ import annotations

import multiprocessing
import os
import re
import runpy
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmdesra.files.folder_lock import hold_folder

TESTS = Path(__file__).parent
TOOLS = TESTS.parent / 'tools'
OF_GLOO = re.compile(r'\[Gloo\] Rank|is connected to|'
                     r'peer ranks\. Expected number of connected peer ranks is :')
PATIENCE = 600  # seconds; only a hang takes so long, however busy the machine


def command(tool, *arguments) -> list[str]:
    return [sys.executable, str(TOOLS / tool), *map(str, arguments)]


def environment() -> dict[str, str]:
    """With tests/ on the path, for the configs of toys.py, before what is there already."""
    paths = [str(TESTS), *filter(None, [os.environ.get('PYTHONPATH')])]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(paths), OMP_NUM_THREADS='1')


def run(tool, *arguments) -> subprocess.CompletedProcess:
    return _run(command(tool, *arguments))


def run_in_two(tool, *arguments) -> subprocess.CompletedProcess:
    """Run a tool in two processes, as a user does; what Gloo says of itself is left out."""
    started = command(tool, *arguments)
    done = _run([started[0], '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node',
                 '2', *started[1:]])
    done.stdout = ''.join(line for line in done.stdout.splitlines(keepends=True)
                          if line.strip() and not is_of_gloo(line))
    return done


def is_of_gloo(line: str) -> bool:
    """Tell a line of PyTorch 2.8's Gloo, whose pieces two processes may write into each other."""
    return (left := OF_GLOO.sub('', line)) != line and not left.strip(' 0123456789\n')


def _run(started: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(started, env=environment(), text=True, capture_output=True,
                          timeout=PATIENCE)


def call(tool, *arguments) -> int:
    """Run a tool in this process and return its exit code; an unexpected error is raised."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [tool, *map(str, arguments)])
        patch.syspath_prepend((TOOLS / tool).parent)  # where Python puts the folder of a script
        with pytest.raises(SystemExit) as error:
            runpy.run_path(str(TOOLS / tool), run_name='__main__')
    return error.value.code


@contextmanager
def held_by_another_run(folder):
    """While another process is at work in a folder."""
    fork = multiprocessing.get_context('fork')
    here, there = fork.Pipe()
    other = fork.Process(target=_hold, args=[folder, there])
    other.start()
    here.recv()
    try:
        yield
    finally:
        other.kill()
        other.join()


def _hold(folder, pipe) -> None:
    hold_folder(folder)
    pipe.send('held')
    time.sleep(PATIENCE)
