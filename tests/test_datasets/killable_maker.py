"""Makes pseudo-GT folders in processes that can be killed at a chosen moment.

A server that has imported everything forks a child for each job, which takes milliseconds. Jobs
come as JSON lines on stdin; the exit codes of a job's children (negative: the signal that ended
them) go to stdout.
"""
from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import torch
from toys import MIN_AREA, make_lq_folder, make_pairs
from tqdm import tqdm

from mmdesra.datasets.pseudo_gt_folder import PseudoGTFolder
from mmdesra.datasets.pseudo_gt_maker import PseudoGTMaker
from mmdesra.detectors import build_detector

WRITING = os.O_WRONLY | os.O_RDWR
CHANGES = {'os.rename': 1, 'os.remove': 0, 'os.mkdir': 0}
"""Audit events of changed files, with the index of the path among their arguments."""


def make(lq: str, out: str, rank: int = 0, world_size: int = 1, finish: bool = True,
         recompose: bool = False) -> None:
    detector = build_detector(dict(type='DeSRA', min_area=MIN_AREA))
    maker = PseudoGTMaker(make_pairs(Path(lq)), detector, rank=rank, world_size=world_size)
    folder = PseudoGTFolder(out)
    if recompose:
        maker.recompose(folder)
        return
    maker.make(folder)
    if finish:
        maker.finish(folder, maker.skipped)


def die_before_change(number: int, out: str) -> None:
    """Kill this process before it changes the folder for the n-th time."""
    changes = 0

    def count(event: str, arguments: tuple) -> None:
        nonlocal changes
        if event == 'open':
            path = arguments[0] if arguments[2] & WRITING else None
        else:
            path = arguments[CHANGES[event]] if event in CHANGES else None
        if path is not None and str(path).startswith(out):
            changes += 1
            if changes == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def fork(die_before: int | None = None, **job) -> int:
    child = os.fork()
    if child:
        return child
    try:
        if die_before is not None:
            die_before_change(die_before, job['out'])
        make(**job)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def warm_up() -> None:
    """Make a folder here, so that no child must import or set up anything."""
    # tqdm's own lock is shared by all children: one killed while it holds it stops the others.
    tqdm.set_lock(threading.RLock())
    tqdm.monitor_interval = 0  # its thread could hold the lock while a child is forked
    torch.set_num_threads(1)  # a child has none of its parent's threads
    cv2.setNumThreads(1)
    with TemporaryDirectory() as folder:
        make_lq_folder(Path(folder, 'lq'), count=1, clean=())
        make(f'{folder}/lq', f'{folder}/out')
    gc.freeze()


def serve() -> None:
    warm_up()
    print(json.dumps('ready'), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        children, die_after = job.pop('at_once', [{}]), job.pop('die_after', None)
        pids = [fork(**job, **child) for child in children]
        if die_after is not None:
            time.sleep(die_after)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        print(json.dumps(codes), flush=True)


if __name__ == '__main__':
    serve()
