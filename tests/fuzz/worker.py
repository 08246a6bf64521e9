"""Cases run in a process of their own, within limits of time and memory."""
from __future__ import annotations

import hashlib
import multiprocessing
import os
import resource
import shutil
import signal
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .config_styles import config_style_case
from .folder_cases import benchmark_case, pseudo_gt_case
from .image_cases import image_case, mask_case, pair_case, score_case
from .judge import REFUSED, Fault, Refusal
from .named_images import named_images_case
from .named_weights import named_weights_case
from .table_cases import answers_case, class_table_case, config_case
from .weight_cases import checkpoint_case, keras_case, niqe_case

KINDS = dict(image=image_case, mask=mask_case, pair=pair_case, score=score_case,
             pseudo_gt=pseudo_gt_case, benchmark=benchmark_case, class_table=class_table_case,
             answers=answers_case, config=config_case, checkpoint=checkpoint_case,
             named_weights=named_weights_case, named_images=named_images_case,
             config_style=config_style_case, keras=keras_case, niqe=niqe_case)
SHARES = dict(image=8, mask=4, pair=3, score=2, pseudo_gt=3, benchmark=2, class_table=2, answers=2,
              config=2, checkpoint=5, named_weights=4, named_images=4, config_style=2, keras=1,
              niqe=1)
"""How often a kind comes, in proportion."""

GIB = 2**30
FAULT = 'fault'


@dataclass(frozen=True)
class Limits:
    """For one case: seconds, and bytes beyond what the process has at its start.

    ``taken`` is what a case may really use; ``asked`` is what it may ask the system for, beyond
    which it gets a MemoryError.
    """
    seconds: float = 60
    taken: int = 2 * GIB
    asked: int = 4 * GIB


@dataclass(frozen=True)
class Result:
    """What became of a case: 'right', 'refused' or 'fault', the message, and what it took."""
    kind: str
    number: int
    state: str
    message: str = ''
    taken: int = 0


def deal(cases: int, kinds: list[str]) -> list[tuple[str, int]]:
    """(kind, number) of as many cases, in the proportions of :data:`SHARES`."""
    deck = [kind for kind in kinds for _ in range(SHARES[kind])]
    return [(deck[number % len(deck)], number) for number in range(cases)]


def run_case(kind: str, seed: int, number: int, keep: Path | None = None) -> Result:
    """Run one case here; the same numbers make the same files."""
    word = int.from_bytes(hashlib.sha256(kind.encode()).digest()[:4], 'little')
    rng = np.random.default_rng([seed, number, word])
    folder = Path(tempfile.mkdtemp(prefix='fuzz_'))
    state, message = FAULT, ''
    try:
        state = KINDS[kind](rng, folder)
    except Refusal as refusal:
        state, message = REFUSED, str(refusal)
    except Fault as fault:
        message = str(fault)
    except Exception:
        message = traceback.format_exc()
    if state == FAULT and keep:
        shutil.copytree(folder, keep / f'{kind}-{seed}-{number}', symlinks=True,
                        dirs_exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    return Result(kind, number, state, message)


def run_limited(cases: list[tuple[str, int]], seed: int, limits: Limits,
                keep: Path | None = None) -> Iterator[Result]:
    """Run cases in a worker process; one that hangs or dies is replaced."""
    context = multiprocessing.get_context('fork')
    worker = None
    for kind, number in cases:
        if worker is None:
            ours, theirs = context.Pipe()
            worker = context.Process(target=_serve, args=(theirs, seed, limits, keep),
                                     daemon=True)
            worker.start()
            theirs.close()
        ours.send((kind, number))
        try:
            if ours.poll(limits.seconds):
                yield ours.recv()
                continue
            message = f'hangs: not done within {limits.seconds:g} s'
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
        except EOFError:
            worker.join()
            message = f'the process died, exit code {worker.exitcode}'
        worker = None
        yield Result(kind, number, FAULT, message)
    if worker is not None:
        ours.send(None)
        worker.join()


def _serve(pipe, seed: int, limits: Limits, keep: Path | None) -> None:
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # progress bars, and what libraries warn of
    asked = _status('VmSize') + limits.asked
    resource.setrlimit(resource.RLIMIT_AS, (asked, asked))
    while (case := pipe.recv()) is not None:
        Path('/proc/self/clear_refs').write_text('5')  # the peak begins anew
        before = _status('VmRSS')
        result = run_case(case[0], seed, case[1], keep)
        taken = max(_status('VmHWM') - before, 0)
        if taken > limits.taken and result.state != FAULT:
            result = Result(*case, FAULT, f'took {taken / GIB:.1f} GiB: {result.message}')
        pipe.send(Result(result.kind, result.number, result.state, result.message, taken))


def _status(name: str) -> int:
    """Bytes, from what Linux tells of this process."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(name + ':'):
            return int(line.split()[1]) * 1024
    raise KeyError(name)
