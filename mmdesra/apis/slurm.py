"""Starting a command under Slurm, ``--slurm PARTITION``.

``srun`` starts a process for each GPU, with the same command line and ``--launcher slurm`` added.
The processes join each other by :mod:`mmdesra.apis.processes` and
:mod:`mmdesra.engine.process_group`.
"""
from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import sys

from ..errors import InputError
from ..files.environment import number_from

GPUS = 8
"""Default number of GPUs, in all and on one node at most, as in MMagic's ``slurm_train.sh``."""

CPUS_PER_TASK = 5
PORTS = 12000, 32000
"""Range from which the first process's port is drawn, so that two jobs on a node rarely clash."""


def add_slurm_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that start processes with Slurm."""
    parser.add_argument('--slurm', metavar='PARTITION', help='work in processes that srun starts '
                        'in this partition, one on each GPU; GPUS, GPUS_PER_NODE, CPUS_PER_TASK '
                        'and SRUN_ARGS are read from the environment, as in slurm_train.sh of '
                        'MMagic')
    parser.add_argument('--job-name', metavar='NAME', default='mmdesra',
                        help="the Slurm job's name (default: %(default)s)")


def become_srun(words: list[str], partition: str, job_name: str) -> None:
    """Replace this process by ``srun``, which waits for the processes and returns their exit code.

    Args:
        words (list[str]): The file that Python is to run, and its arguments.
        partition (str): The partition.
        job_name (str): The job's name.

    Raises:
        InputError: If there is no ``srun``, or an environment variable is not a number.
    """
    command = srun_command(words, partition, job_name)
    program = shutil.which(command[0])
    if program is None:
        raise InputError(f'--slurm {partition}: expected the program srun on PATH, found none; on '
                         'this machine without Slurm give --nproc N')
    low, high = PORTS
    os.environ.setdefault('MASTER_PORT', str(random.randrange(low, high)))  # noqa: S311
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(program, command)  # noqa: S606


def srun_command(words: list[str], partition: str, job_name: str) -> list[str]:
    """Return the command line of ``srun``.

    Raises:
        InputError: If an environment variable is not a number, or SRUN_ARGS cannot be parsed.
    """
    gpus = number_from('GPUS', GPUS)
    on_a_node = number_from('GPUS_PER_NODE', min(gpus, GPUS))
    try:
        more = shlex.split(os.environ.get('SRUN_ARGS', ''))
    except ValueError as error:
        raise InputError(f'SRUN_ARGS={os.environ["SRUN_ARGS"]}: {error}') from error
    return ['srun', '-p', partition, f'--job-name={job_name}', f'--gres=gpu:{on_a_node}',
            f'--ntasks={gpus}', f'--ntasks-per-node={on_a_node}',
            f'--cpus-per-task={number_from("CPUS_PER_TASK", CPUS_PER_TASK)}',
            '--kill-on-bad-exit=1', *more,
            sys.executable, '-u', *words, '--launcher', 'slurm']
