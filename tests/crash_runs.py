#!/usr/bin/env python3
"""Crash `mmdesra detect` at random moments, plain and in two processes, and resume it.

  python tests/crash_runs.py --gan sr/gan --mse sr/mse --trials 20

Each trial begins a run in a folder of its own, disturbs it once, lets the same command with
--resume come to its end, alone or in two processes, and compares all that is there, byte for
byte, with what an undisturbed run left. Disturbances, in turns:

  kill       SIGKILL for all of its processes at once, as a power cut or a job's end
  rank       SIGKILL for one of two processes: the launcher must end the other
  disk       a file system (tmpfs) that is full at some moment; it has room again afterwards
  interrupt  Ctrl-C; what is said must name --resume, once anything is done

Two processes are started by PyTorch's launcher, `torch.distributed`'s elastic agent, as torchrun
does. All are forks of this process, which has imported everything: a trial takes a second or two.
Moments are drawn with --seed: the n-th change of a file as the kernel tells it (inotify), or n
bytes of room. Needs Linux, and root for the full disk.
Exit code: 0 = all ended as the undisturbed run, 1 = some did not (they stay in --work-dir).
"""
from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from full_disk import Disk
from kill_runs import Changes, differences, files_of

import mmdesra
from mmdesra.apis import command_line
from mmdesra.apis.progress import FOLDER
from mmdesra.commands import detect
from mmdesra.detectors import DeSRA
from mmdesra.errors import InputError
from mmdesra.files.tables import markdown_table
from mmdesra.ops import region_strengths

KINDS = ('kill', 'rank', 'disk', 'interrupt')
FOLDERS = ('', 'mask', 'overlay')
PATIENCE = 600
"""Seconds after which a run hangs."""

VARIES = ('run.json',)
"""Says when and by which command a run was made."""


@dataclass
class Trial:
    """What was done, and what came of it."""
    kind: str
    before: int
    after: int
    moment: int
    done: int = 0
    faults: list[str] = field(default_factory=list)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--gan', type=Path, required=True, help='folder of GAN-SR images')
    parser.add_argument('--mse', type=Path, required=True, help='folder of MSE-SR images')
    parser.add_argument('--min-area', default='100', help='of the detector')
    parser.add_argument('--trials', type=int, default=20, help='of each kind')
    parser.add_argument('--kinds', nargs='+', choices=KINDS, default=KINDS)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--work-dir', type=Path, help='default: a temporary folder')
    return parser.parse_args()


def run_detect(words: list[str], processes: int, log: Path) -> int:
    """Start detect in a fork of this process, in so many processes; returns the first's id."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.setsid()
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ['mmdesra detect', *words]
        code = in_launcher(processes) if processes > 1 else command()
    except BaseException:  # a fork must not go on with its parent's work
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def command() -> int:
    """Run the command as its console script does; returns its exit code."""
    try:
        command_line.run(detect.main)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def rank_main() -> None:
    """Run the command in one of several processes; the launcher waits for an answer at the end."""
    code = command()
    if code:
        sys.stdout.flush()
        os._exit(code)


def in_launcher(processes: int) -> int:
    """Start processes as torchrun does, but as forks."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch
    try:
        elastic_launch(LaunchConfig(
            min_nodes=1, max_nodes=1, nproc_per_node=processes, rdzv_backend='c10d',
            rdzv_endpoint='127.0.0.1:0', local_addr='127.0.0.1', run_id='crash_runs',
            start_method='fork', monitor_interval=.05, max_restarts=0), rank_main)()
    except ChildFailedError:
        return 1
    except SignalException as error:
        return 128 + int(error.sigval)
    return 0


def family(pid: int) -> list[int]:
    """Return a process and all that it has started, oldest first."""
    parents = {}
    for entry in Path('/proc').glob('[0-9]*/stat'):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(')')[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = [pid]
    for one in found:
        found += sorted(child for child, parent in parents.items() if parent == one)
    return found


def disturb(pid: int, kind: str, rng: random.Random) -> None:
    """End a run in one of the ways; its processes may be gone already."""
    members = family(pid)
    if kind == 'rank':
        victims = [rng.choice(members[1:])] if members[1:] else []
    elif kind == 'kill':
        victims = members
    else:
        victims = [pid]
    for victim in victims:
        try:
            os.kill(victim, signal.SIGINT if kind == 'interrupt' else signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait(pid: int, after: Callable[[], bool] = lambda: False) -> int | None:
    """Wait for the end of a run, or until ``after`` is true.

    Returns:
        Its exit code, negative for a signal; None if it is still at work.

    Raises:
        TimeoutError: If it hangs.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if after():
            return None
        time.sleep(.002)
    for member in family(pid):
        os.kill(member, signal.SIGKILL)
    raise TimeoutError(f'still at work after {PATIENCE} s')


def done_in(out: Path) -> int:
    """Count the images that are noted as done."""
    return sum(max(len(path.read_bytes().split(b'\n')) - 2, 0)
               for path in (out / FOLDER).glob('*.jsonl'))


def warm_up() -> None:
    """Import and load, before there are forks, what each of them would have to."""
    for module in ('torch.distributed.optim', 'torch.distributed.launcher.api',
                   'torch.distributed.elastic.rendezvous.c10d_rendezvous_backend',
                   'torch.distributed.elastic.agent.server.local_elastic_agent'):
        import_module(module)
    flat = np.zeros((64, 64, 3), np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, flat.shape, np.uint8)
    found = DeSRA(min_area=100).detect(noise, flat)
    as_planes = [torch.from_numpy(image).permute(2, 0, 1) for image in (noise, flat)]
    region_strengths(*as_planes, found.regions)


class Laboratory:
    """Runs trials on one set of pairs.

    Args:
        args (argparse.Namespace): The options.
        work (Path): Where folders are made.
    """

    def __init__(self, args: argparse.Namespace, work: Path) -> None:
        self._work = work
        self._seed = args.seed
        self._words = ['--gan', str(args.gan), '--mse', str(args.mse), '--min-area',
                       args.min_area, '--out']
        whole = self._make('whole')
        # Two processes change fewer files: moments of one would lie behind their end.
        self._changes = {1: self._count_changes(whole, 1),
                         2: self._count_changes(self._make('whole_in_two'), 2)}
        self._whole = self._contents(whole)
        self._size = sum(len(content or b'') for content in files_of(whole).values())

    def _count_changes(self, out: Path, processes: int) -> int:
        """Run undisturbed; return how many changes of files the kernel tells."""
        log = out.with_suffix('.log')
        counted, changes = iter(Changes(out, FOLDERS)), 0

        def count() -> bool:
            nonlocal changes
            changes += next(counted)
            return False

        if wait(run_detect([*self._words, str(out)], processes, log), count):
            raise InputError(f'detect fails undisturbed: see {log}')
        return changes

    def trial(self, kind: str, number: int) -> Trial:
        """Disturb a run, resume it, compare."""
        rng = random.Random(f'{self._seed} {kind} {number}')
        before = 2 if kind == 'rank' else 2 - number % 2
        trial = Trial(kind, before, 2 - number // 2 % 2, rng.randint(
            1, self._size if kind == 'disk' else self._changes[before]))
        folder = self._work / f'{kind}-{number:02}'
        shutil.rmtree(folder, ignore_errors=True)
        disk = Disk(folder) if kind == 'disk' else None
        out = disk.path if disk else self._make(folder.name)
        log = self._work / f'{folder.name}.log'
        try:
            if disk:
                with disk.with_space_for(trial.moment):
                    code = wait(run_detect([*self._words, str(out)], before, log))
            else:
                code = self._disturb(out, trial, log, rng)
            said = log.read_text(errors='replace')
            trial.done = done_in(out)
            if kind == 'interrupt' and trial.done and '`mmdesra detect --resume`' not in said:
                trial.faults.append('it is not said how to go on')
            # The launcher's own, of an error that has been told, stands behind its marks.
            if kind in ('interrupt', 'disk') and '\nTraceback' in said:
                trial.faults.append('a traceback')
            if not code and kind != 'disk':
                trial.faults.append('it ended as if nothing had happened')
            code = wait(run_detect([*self._words, str(out), '--resume'], trial.after, log))
            if code:
                trial.faults.append(f'resumed, it ended with the exit code {code}')
            trial.faults += differences(self._whole, self._contents(out))[:5]
        except TimeoutError as error:
            trial.faults.append(str(error))
        finally:
            if disk:
                disk.close()
        if not trial.faults:
            shutil.rmtree(folder)
            log.unlink()
        return trial

    def _disturb(self, out: Path, trial: Trial, log: Path, rng: random.Random) -> int | None:
        seen, counted = 0, iter(Changes(out, FOLDERS))

        def is_time() -> bool:
            nonlocal seen
            seen += next(counted)
            return seen >= trial.moment

        pid = run_detect([*self._words, str(out)], trial.before, log)
        code = wait(pid, is_time)
        if code is None:
            disturb(pid, trial.kind, rng)
            code = wait(pid)
        return code

    def _contents(self, out: Path) -> dict:
        return {name: content for name, content in files_of(out).items() if name not in VARIES}

    def _make(self, name: str) -> Path:
        for folder in FOLDERS:  # so that they can be watched from the first moment on
            (self._work / name / folder).mkdir(parents=True, exist_ok=True)
        return self._work / name


def main() -> int:
    args = parse_args()
    multiprocessing.set_start_method('fork')
    os.environ.update(SOURCE_DATE_EPOCH='1700000000', OMP_NUM_THREADS='1',
                      CUDA_VISIBLE_DEVICES='')
    mmdesra.prepare()
    torch.set_num_threads(1)
    warm_up()
    work = args.work_dir or Path(tempfile.mkdtemp(prefix='crash_runs_'))
    laboratory, trials = Laboratory(args, work), []
    for number in range(args.trials):
        for kind in args.kinds:
            trials.append(trial := laboratory.trial(kind, number))
            print(f'{number:3} {kind:9} {trial.before} process(es), moment {trial.moment}: '
                  f'{trial.done} images done; resumed in {trial.after}: '
                  f'{"; ".join(trial.faults) or "same"}', flush=True)
    print(markdown_table(
        ['disturbed by', 'runs', 'with images done', 'same in the end'],
        [[kind, str(len(some)), str(sum(one.done > 0 for one in some)),
          str(sum(not one.faults for one in some))]
         for kind in args.kinds for some in [[one for one in trials if one.kind == kind]]]))
    faulty = [trial for trial in trials if trial.faults]
    if faulty:
        print(json.dumps([vars(trial) for trial in faulty], indent=1))
    elif args.work_dir is None:
        shutil.rmtree(work)
    return 1 if faulty else 0


if __name__ == '__main__':
    sys.exit(main())
