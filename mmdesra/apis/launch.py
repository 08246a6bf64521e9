"""Starting a command in several processes on this machine, ``--nproc N``.

PyTorch's own launcher (``torch.distributed.run``) starts the processes, finds a port, passes on
Ctrl-C, and ends all processes when one has failed. Each runs the same command line, and joins the
others by :mod:`mmdesra.apis.processes` and :mod:`mmdesra.engine.process_group`.
"""
from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import InputError
from ..files.environment import environment, number_from
from .slurm import add_slurm_options, become_srun

logger = logging.getLogger('mmdesra')

STARTED_BY_US = 'MMDESRA_STARTED_BY'
"""Environment variable of the processes that ``--nproc`` starts: the folder into which they write
their errors, and how to go on once they are stopped."""

SEVERAL_MACHINES = 'NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT'
"""Variables for several machines, named as for MMagic's ``dist_train.sh``."""

RESUME = 'stopped: the same command with --resume goes on with what is not done yet'

SIGNAL_BASE = 128  # a shell's exit code for a process killed by signal N is 128 + N


def default_launcher() -> str:
    """Return 'pytorch' if torchrun has started this process, else 'none'."""
    return 'pytorch' if 'TORCHELASTIC_RUN_ID' in os.environ else 'none'


def add_process_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that ask for several processes, see :func:`in_processes`."""
    parser.add_argument('--nproc', type=_count, metavar='N',
                        help='work in N processes on this machine, one on each GPU; without GPUs '
                        'they share the CPU. For several machines set NNODES, NODE_RANK, '
                        'MASTER_ADDR and PORT on each')
    add_slurm_options(parser)


def in_processes(command: str, args: argparse.Namespace,
                 work: Callable[[argparse.Namespace], int], how_to_go_on: str = '') -> int:
    """Do a command's work in this process, or in several if the options ask for them.

    Args:
        command (str): The subcommand's name.
        args (argparse.Namespace): With ``nproc``, ``slurm``, ``job_name`` and ``launcher``; in a
            process that ``--nproc`` has started, the launcher becomes 'pytorch'.
        work (Callable): The work of one process, which returns its exit code.
        how_to_go_on (str): Said after Ctrl-C if the processes could not say it. Default: that
            ``--resume`` does, where there is such an option.

    Returns:
        The exit code; of several processes the worst one.

    Raises:
        InputError: If the processes cannot be started.
    """
    words = [*command.split(), *sys.argv[1:]]
    if args.slurm is not None and args.launcher != 'slurm':  # else srun has started this one
        _check_alone(args, f'--slurm {args.slurm}')
        become_srun([_program(), *words], args.slurm, args.job_name)
    if args.nproc is not None and STARTED_BY_US in os.environ:
        args.launcher = 'pytorch'
        return work(args)
    machines = number_from('NNODES', 1) if args.nproc is not None else 1
    if args.nproc is None or args.nproc * machines == 1:
        return work(args)
    _check_alone(args, f'--nproc {args.nproc}')
    if not how_to_go_on and hasattr(args, 'resume'):
        how_to_go_on = RESUME
    return start_processes(words, args.nproc, machines, how_to_go_on)


def start_processes(words: list[str], count: int, machines: int = 1,
                    how_to_go_on: str = '') -> int:
    """Run ``mmdesra WORDS`` in several processes of one group, and wait for their end.

    Args:
        words (list[str]): The subcommand and its arguments.
        count (int): Number of processes on this machine.
        machines (int): Number of machines; for several, see :data:`SEVERAL_MACHINES`.
        how_to_go_on (str): See :func:`in_processes`.

    Returns:
        The worst exit code; 128 + N if signal N ended a process, or this one.

    Raises:
        InputError: If the machines do not reach each other.
    """
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous import RendezvousError
    # PyTorch would give each process a single thread.
    threads = os.environ.get('OMP_NUM_THREADS') or str(max(1, _cores() // count))
    with TemporaryDirectory(prefix='mmdesra_') as folder, _quiet_launcher(), environment(
            {STARTED_BY_US: folder, 'OMP_NUM_THREADS': threads}):
        options = [f'--nproc-per-node={count}', '--monitor-interval=0.2', f'--log-dir={folder}',
                   *_meeting(machines)]
        try:
            settings = torchrun.parse_args([*options, _program()])
            settings.training_script_args = words  # not parsed, as some options are its own, too
            torchrun.run(settings)
            return 0
        except ChildFailedError as error:
            codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
            how_to_go_on, by_signal = '', 0
        except SignalException as error:
            codes, by_signal = {}, SIGNAL_BASE + int(error.sigval)
        except RendezvousError as error:
            raise InputError(f'the {machines} machines did not reach each other: {error}'
                             ) from error
        errors, advice = _notes(folder, 'error'), _notes(folder, 'stopped')
    for text in () if by_signal else errors:  # after a signal they are of what it has broken
        logger.error('error: %s', text)
    # The launcher kills processes that do not end soon after a signal; those have left nothing.
    for text in advice or [how_to_go_on] * bool(how_to_go_on):
        logger.warning('%s', text)
    return by_signal or _worst(codes)


def leave_error(text: str) -> bool:
    """Pass an error to the process that has started this one, which prints equal errors once.

    Returns:
        False if ``--nproc`` has not started this process, so that it must print the error itself.
    """
    return _leave('error', text)


def tell_stopped(text: str) -> None:
    """Say how to go on with what was stopped; of several processes the launcher says it, once."""
    if not _leave('stopped', text):
        logger.warning('%s', text)


def _leave(kind: str, text: str) -> bool:
    folder = os.environ.get(STARTED_BY_US)
    if folder is None or not Path(folder).is_dir():
        return False
    path = Path(folder, f'{kind}_{os.environ.get("RANK", os.getpid())}')
    path.write_text(text, encoding='utf-8', errors='backslashreplace')
    return True


def _notes(folder: str, kind: str) -> list[str]:
    """Return what the processes have left, equal texts once."""
    return sorted({path.read_text(encoding='utf-8', errors='backslashreplace')
                   for path in Path(folder).glob(f'{kind}_*')})


def _check_alone(args: argparse.Namespace, asked: str) -> None:
    """Check that only one of the options starts processes.

    Raises:
        InputError: If two do.
    """
    if args.launcher != 'none':
        raise InputError(f'{asked}: starts processes, but --launcher {args.launcher} has already '
                         'started this one; leave one of the two options out')
    if args.slurm is not None and args.nproc is not None:
        raise InputError(f'--slurm {args.slurm} and --nproc {args.nproc}: expected one of them; '
                         'with Slurm, GPUS in the environment says how many processes')


def _program() -> str:
    """Return the file that runs a subcommand."""
    program = find_spec('mmdesra.program')
    assert program is not None and program.origin is not None  # comes with this package
    return program.origin


def _meeting(machines: int) -> list[str]:
    """Return torchrun's options for the address at which the processes meet.

    Raises:
        InputError: If there are several machines, and the environment names no address.
    """
    if machines == 1:
        return ['--standalone', '--local-addr=127.0.0.1']  # at a port that is free
    missing = [name for name in ('NODE_RANK', 'MASTER_ADDR') if name not in os.environ]
    if missing:
        raise InputError(f'NNODES={machines}: expected {" and ".join(missing)} in the '
                         f'environment, too ({", ".join(SEVERAL_MACHINES)})')
    return [f'--nnodes={machines}', f'--node-rank={number_from("NODE_RANK", 0)}',
            f'--master-addr={os.environ["MASTER_ADDR"]}',
            f'--master-port={number_from("PORT", 29500)}']


def _worst(codes: Mapping[int, int]) -> int:
    """Return the worst of the processes' exit codes, and log which were killed by a signal.

    When one process has failed, the launcher ends the others by SIGTERM; these do not count.
    """
    own = {rank: code for rank, code in codes.items() if code != -signal.SIGTERM} or codes
    for rank, code in sorted(own.items()):
        if code < 0:
            logger.error('error: process %d was ended by %s%s', rank, signal.Signals(-code).name,
                         ', as the system does when memory is short' if code == -9 else '')
    return max((SIGNAL_BASE - code if code < 0 else code for code in own.values()), default=1)


@contextmanager
def _quiet_launcher() -> Iterator[None]:
    """Silence PyTorch's launcher: the processes have already printed their errors."""
    if 'LOGLEVEL' in os.environ:  # the user wants to see its messages
        yield
        return
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _count(text: str) -> int:
    """Read the N of ``--nproc N``."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'expected a number of processes, 1 or more, got {text}')
    return int(text)
