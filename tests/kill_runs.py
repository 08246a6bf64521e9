#!/usr/bin/env python3
"""Kill the real command lines at random moments, resume, and compare with an undisturbed run.

  python tests/kill_runs.py --lq photos --generator SRResNet \\
      --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth \\
      --config configs/desra/desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30.py

Each kill is a run of its own: tools/make_pseudo_gt.py (or detect.py, or train.py) begins, gets
SIGKILL at one moment, and the same command (the other two with --resume) runs to its end. What is
there at the kill must hold no half-written file under a final name; what is there at the end must
be what the undisturbed run left, byte for byte (weights bit for bit, figures without their
seconds).

Moments, drawn with --seed: "any" and "start-up" are shares of the processor time that the
undisturbed run took, whatever else the machine does; "write" and "end" are the n-th change of a
file, as the kernel tells it (inotify, Linux only).
Exit code: 0 = all runs ended as the undisturbed one, 1 = some did not (they stay in --work-dir).
"""
from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image

ROOT = Path(__file__).parents[1]
KINDS = ('any',) * 5 + ('start-up',) + ('write',) * 3 + ('end',)
"""How the moments are shared out."""
END = 12
"""Changes of files that count as the end of a run."""
TICK = os.sysconf('SC_CLK_TCK')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--lq', type=Path, required=True, help='folder of LR photographs')
    parser.add_argument('--generator', default='SRResNet', help='as in tools/make_pseudo_gt.py')
    parser.add_argument('--gan-checkpoint', type=Path, required=True)
    parser.add_argument('--mse-checkpoint', type=Path, required=True)
    parser.add_argument('--config', help='what is trained, for --train-kills')
    parser.add_argument('--kills', type=int, default=50, help='of make_pseudo_gt.py')
    parser.add_argument('--detect-kills', type=int, default=20, help='of detect.py')
    parser.add_argument('--train-kills', type=int, default=10, help='of train.py')
    parser.add_argument('--images', type=int, default=30, help='LR images (train.py: a fifth)')
    parser.add_argument('--side', type=int, default=32,
                        help='px; their middles are cut out, to save time')
    parser.add_argument('--min-area', type=int, default=100, help='of the detector')
    parser.add_argument('--iterations', type=int, default=6, help='of train.py')
    parser.add_argument('--jobs', type=int, default=2, help='kills at a time')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--work-dir', type=Path, help='default: a temporary folder')
    return parser.parse_args()


@dataclass
class Command:
    """A command line to kill.

    Attributes:
        arguments: It, but for the folder.
        out: The option that takes the folder.
        resume: What is added to go on.
        folders: Those below the folder whose files it writes.
        contents: Reads what has to be equal at the end.
        check: Called with the folder after a kill; returns what is wrong with it.
    """
    arguments: list[str]
    out: str
    resume: list[str]
    folders: tuple[str, ...]
    contents: Callable[[Path], dict]
    check: Callable[[Path, dict], list[str]]

    def start(self, folder: Path, resume: bool = False) -> subprocess.Popen:
        log = folder.with_name(f'{folder.name}.log').open('a')
        return subprocess.Popen(
            [sys.executable, *self.arguments, self.out, str(folder),
             *(self.resume if resume else [])], stdout=log, stderr=log,
            env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='',
                     SOURCE_DATE_EPOCH='1700000000'))  # the report has a date


@dataclass
class Trial:
    """One kill: when it was to be, what it met, what came of it."""
    kind: str
    moment: float
    faults: list[str] = field(default_factory=list)
    files: int = 0
    parts: int = 0
    seconds: float = 0


def main() -> int:
    args = parse_args()
    work = args.work_dir or Path(tempfile.mkdtemp(prefix='kill_runs_'))
    lq = cut_out(args.lq, work / 'lq', args.images, args.side)
    few = cut_out(args.lq, work / 'few', max(args.images // 5, 2), max(args.side, 48))
    trials = []
    with ThreadPoolExecutor(args.jobs) as pool:
        if args.kills:
            trials += kill_often(pseudo_gt_command(args, lq), args.kills, work / 'pseudo_gt',
                                 args.seed, pool)
        if args.detect_kills:
            trials += kill_often(detect_command(args, lq), args.detect_kills, work / 'detect',
                                 args.seed, pool)
        if args.train_kills:
            trials += kill_often(training_command(args, few), args.train_kills, work / 'train',
                                 args.seed, pool)
    faulty = [trial for trial in trials if trial.faults]
    if not faulty and args.work_dir is None:
        shutil.rmtree(work)
    return 1 if faulty else 0


def cut_out(source: Path, target: Path, count: int, side: int) -> Path:
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob('*.png'))[:count]:
        with Image.open(path) as image:
            left, top = ((length - side) // 2 for length in image.size)
            image.crop((left, top, left + side, top + side)).save(target / path.name)
    return target


def pseudo_gt_command(args: argparse.Namespace, lq: Path) -> Command:
    return Command(pass_over('make_pseudo_gt.py', args, lq), '--out', [], ('', 'gt', 'mask'),
                   files_of, differing_pictures)


def detect_command(args: argparse.Namespace, lq: Path) -> Command:
    return Command(pass_over('detect.py', args, lq), '--out', ['--resume'],
                   ('', 'mask', 'overlay'), files_of, differing_pictures)


def pass_over(tool: str, args: argparse.Namespace, lq: Path) -> list[str]:
    return [str(ROOT / 'tools' / tool), '--lq', str(lq), '--generator', args.generator,
            '--gan-checkpoint', str(args.gan_checkpoint),
            '--mse-checkpoint', str(args.mse_checkpoint), '--min-area', str(args.min_area),
            '--device', 'cpu']


def training_command(args: argparse.Namespace, lq: Path) -> Command:
    interval = max(args.iterations // 3, 1)
    return Command([str(ROOT / 'tools/train.py'), args.config, '--lq-dir', str(lq),
                    '--heldout-lq-dir', str(lq), '--gan-checkpoint', str(args.gan_checkpoint),
                    '--mse-checkpoint', str(args.mse_checkpoint),
                    '--max-iters', str(args.iterations),
                    '--hook-options', f'detector.min_area={args.min_area}', 'gt_patch_size=96',
                    '--cfg-options', 'train_dataloader.batch_size=2',
                    f'default_hooks.checkpoint.interval={interval}'],
                   '--work-dir', ['--resume'],
                   ('', 'pseudo_gt', 'pseudo_gt/gt', 'pseudo_gt/mask', 'heldout'),
                   results_of_training, broken_checkpoints)


def files_of(folder: Path) -> dict:
    """Return all that is below a folder, hidden files too; but not the commands, which differ."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob('*')) if path.name != 'run.json'}


def results_of_training(folder: Path) -> dict:
    """Return the pseudo GTs, the last weights, and the figures but for their seconds."""
    found = {f'pseudo_gt/{name}': content
             for name, content in files_of(folder / 'pseudo_gt').items()}
    last = max(folder.glob('iter_*.pth'), key=lambda path: int(path.stem[5:]))
    weights = torch.load(last, weights_only=False)['state_dict']  # ours, made a moment ago
    found.update({f'{last.name}: {name}': value.numpy().tobytes()
                  for name, value in weights.items()})
    figures = json.loads((folder / 'heldout/results.json').read_text())
    found['results.json'] = {key: value for key, value in figures.items() if key != 'seconds'}
    found.update({f'heldout/{path.name}': path.read_bytes()
                  for path in (folder / 'heldout/gan_after').glob('*.png')})
    found['left behind'] = [path.name for path in folder.rglob('.*')]
    return found


def differing_pictures(folder: Path, expected: dict) -> list[str]:
    """Each file under a final name must be whole, and the right one."""
    return [f'{name}: half written' for name, content in files_of(folder).items()
            if not name.startswith('.') and '/.' not in name
            and expected.get(name, ...) != content]


def broken_checkpoints(folder: Path, expected: dict) -> list[str]:
    """Each checkpoint that is there can be loaded, and so can the one to resume from.

    mmengine empties ``last_checkpoint`` before it writes it. A kill in between is no fault, if the
    resumed run finds the checkpoint all the same.
    """
    faults = []
    last = folder / 'last_checkpoint'
    name = last.read_text() if last.exists() else ''
    named = [Path(name)] if name else []
    for path in [*folder.glob('*.pth'), *named]:
        try:
            torch.load(path, weights_only=False)
        except Exception as error:  # whatever a torn file raises
            faults.append(f'{path.name!r}: cannot be loaded ({type(error).__name__})')
    return faults + differing_pictures(folder / 'pseudo_gt', {
        name[len('pseudo_gt/'):]: content for name, content in expected.items()
        if name.startswith('pseudo_gt/')})


def kill_often(command: Command, kills: int, work: Path, seed: int,
               pool: Executor) -> list[Trial]:
    """Run a command undisturbed, then kill it again and again; print a line for each kill."""
    title = Path(command.arguments[0]).name
    folder = make_folders(work / 'undisturbed', command)
    changes = Changes(folder, command.folders)
    process = command.start(folder)
    whole = watch(process, changes)
    if process.wait():
        raise SystemExit(f'{title} fails undisturbed: see {folder}.log')
    expected = command.contents(folder)
    print(f'{title}: {whole.cpu:.1f} s of processor time undisturbed, {whole.first:.1f} s until '
          f'the first change of a file, {whole.changes} changes, {len(expected)} results',
          flush=True)

    def kill(number: int) -> Trial:
        trial = kill_once(command, KINDS[number % len(KINDS)], whole, work / f'{number:02}',
                          expected, random.Random(f'{seed} {number}'))
        print(f'{number:3} {trial.kind:8} at {trial.moment:7.2f}: {trial.files:3} files, '
              f'{trial.parts} half written; resumed in {trial.seconds:5.1f} s: '
              f'{"; ".join(trial.faults) or "same"}', flush=True)
        if not trial.faults:
            shutil.rmtree(work / f'{number:02}')
        return trial

    trials = list(pool.map(kill, range(1, kills + 1)))
    print(table(title, trials), flush=True)
    return trials


def kill_once(command: Command, kind: str, whole: Watched, folder: Path, expected: dict,
              rng: random.Random) -> Trial:
    while True:  # a run that ends before its kill is no kill
        shutil.rmtree(folder, ignore_errors=True)
        make_folders(folder, command)
        changes = Changes(folder, command.folders)
        process = command.start(folder)
        moment = draw_moment(kind, whole, rng)
        limits = dict(changes=moment) if kind in ('write', 'end') else dict(cpu=moment)
        watch(process, changes, limits)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            break
    trial = Trial(kind, moment)
    there = [path for path in folder.rglob('*') if path.is_file()]
    trial.files = len(there)
    trial.parts = sum(path.name.endswith('.part') for path in there)
    trial.faults += command.check(folder, expected)
    start = time.perf_counter()
    code = command.start(folder, resume=True).wait()
    trial.seconds = time.perf_counter() - start
    if code:
        trial.faults.append(f'exit code {code}, see {folder}.log')
    else:
        trial.faults += differences(expected, command.contents(folder))
    return trial


def draw_moment(kind: str, whole: Watched, rng: random.Random) -> float:
    if kind == 'write':
        return rng.randint(1, whole.changes)
    if kind == 'end':
        return rng.randint(max(whole.changes - END, 1), whole.changes)
    return rng.uniform(0, whole.cpu if kind == 'any' else whole.first)


def differences(expected: dict, found: dict) -> list[str]:
    return [f'{name}: {"differs" if name in expected and name in found else "gone or new"}'
            for name in sorted({*expected, *found}) if expected.get(name, ...) != found.get(
                name, ...)]


def make_folders(folder: Path, command: Command) -> Path:
    for name in command.folders:  # so that they can be watched from the first moment on
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


@dataclass
class Watched:
    """What was seen of a process: processor seconds, those of the first change, changes."""
    cpu: float = 0
    first: float = 0
    changes: int = 0


def watch(process: subprocess.Popen, changes: Changes,
          limits: dict[str, float] | None = None) -> Watched:
    """Wait until a process ends or has done enough (``cpu`` seconds, or ``changes``)."""
    seen = Watched()
    for count in changes:
        if process.poll() is not None:
            break
        seen.cpu = cpu_seconds(process.pid) or seen.cpu
        seen.changes += count
        if count and not seen.first:
            seen.first = seen.cpu
        if any(getattr(seen, name) >= limit for name, limit in (limits or {}).items()):
            break
    return seen


def cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    except FileNotFoundError:
        return 0
    return (int(fields[11]) + int(fields[12])) / TICK


class Changes:
    """Counts changes of the files in some folders, as the kernel tells them one by one."""

    # IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE
    MASK = 0x002 | 0x008 | 0x040 | 0x080 | 0x100 | 0x200
    EVENT = struct.Struct('iIII')

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK)
        for name in names:
            if libc.inotify_add_watch(self._descriptor, os.fsencode(folder / name), self.MASK) < 0:
                raise OSError(ctypes.get_errno(), f'cannot watch {folder / name}')

    def __iter__(self) -> Iterator[int]:
        """Yield 1 for each change, at once, and 0 now and then while there is none."""
        try:
            while True:
                if not select.select([self._descriptor], [], [], .02)[0]:
                    yield 0
                    continue
                content, place = os.read(self._descriptor, 2**16), 0
                while place < len(content):
                    place += self.EVENT.size + self.EVENT.unpack_from(content, place)[3]
                    yield 1
        finally:
            os.close(self._descriptor)


def table(title: str, trials: list[Trial]) -> str:
    lines = [f'| {title}: moment | kills | with a half-written .part | same in the end |',
             '| --- | ---: | ---: | ---: |']
    for kind in dict.fromkeys(KINDS):
        some = [trial for trial in trials if trial.kind == kind]
        if some:
            lines.append(f'| {kind} | {len(some)} | {sum(t.parts > 0 for t in some)} | '
                         f'{sum(not t.faults for t in some)} |')
    lines.append(f'| all | {len(trials)} | {sum(t.parts > 0 for t in trials)} | '
                 f'{sum(not t.faults for t in trials)} |')
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
