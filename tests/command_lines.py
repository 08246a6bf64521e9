"""Running the tools as a user does, and faster, in this process."""
from __future__ import annotations

import logging
import multiprocessing
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import cv2
import pytest
import torch

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
    """Run a tool in a fork of this process, which has imported what takes seconds to import."""
    if torch.cuda.is_initialized():  # a fork cannot use it
        return run_anew(tool, *arguments)
    with tempfile.TemporaryFile('w+') as out, tempfile.TemporaryFile('w+') as err:
        child = os.fork()
        if not child:
            _become(tool, arguments, out, err)
        code = _code_of(child)
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(command(tool, *arguments), code, out.read(), err.read())


def run_in_two_forks(tool, *arguments) -> tuple[list[int], str]:
    """Run a tool in two forks that work together; returns their exit codes, and what they say."""
    port, children = free_port(), []
    with tempfile.TemporaryFile('w+') as said:
        for rank in '01':
            if not (child := os.fork()):
                os.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE='2',
                                  MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
                _become(tool, [*arguments, '--launcher', 'pytorch'], said, said)
            children.append(child)
        codes = [_code_of(child) for child in children]
        said.seek(0)
        return codes, said.read()


def run_anew(tool, *arguments) -> subprocess.CompletedProcess:
    """Run a tool as a user does, from the start of Python on."""
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


def free_port() -> str:
    with socket.socket() as listening:
        listening.bind(('127.0.0.1', 0))
        return str(listening.getsockname()[1])


def _become(tool, arguments, out, err) -> NoReturn:
    """Be a tool, in a fork, and end."""
    code = 70
    try:
        os.environ.update(environment())
        for number, file in ((1, out), (2, err)):
            os.dup2(file.fileno(), number)
        sys.stdout, sys.stderr = out, err
        logging.root.handlers.clear()  # they are pytest's
        # Those of a pool have not come along.
        cv2.setNumThreads(0)
        torch.set_num_threads(1)
        code = call(tool, *arguments)
    except BaseException:  # a fork must not go on with its parent's work
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code if isinstance(code, int) else bool(code))


def _code_of(child: int) -> int:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise TimeoutError(f'a tool had not ended after {PATIENCE} s')


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
