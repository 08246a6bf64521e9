"""One run in several processes, which torchrun or Slurm has started."""
from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from types import TracebackType
from typing import Any, TypeVar

import torch
from mmengine.dist import all_gather_object, barrier, broadcast_object_list, get_rank
from torch import distributed

from ..engine.process_group import end_process_group
from ..errors import InputError
from .launch import add_process_options, default_launcher

Result = TypeVar('Result')

LAUNCHERS = ('none', 'pytorch', 'slurm')
PATIENCE = timedelta(days=30)
"""How long processes wait for each other: one may have got all the large images."""


def add_launcher_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that start several processes, and the one that says who started this."""
    add_process_options(parser)
    parser.add_argument('--launcher', choices=LAUNCHERS, default=default_launcher(),
                        help='how this process was started, if it is one of several that share '
                        'the images (default: pytorch under torchrun, else none)')


@contextmanager
def joined(launcher: str) -> Iterator[None]:
    """Work together with the other processes of a run during a block.

    The processes exchange a few figures for each image over the CPU (gloo). If there are GPUs,
    each process runs its networks on one of its own.

    Args:
        launcher (str): One of :data:`LAUNCHERS`.

    Raises:
        InputError: If the launcher's environment variables are missing.
    """
    if launcher == 'none':
        yield
        return
    # If first imported while a group exists, it would keep that group in default arguments.
    import_module('torch.distributed.optim')
    try:
        if launcher == 'slurm':
            _speak_slurm()
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ['LOCAL_RANK']) % torch.cuda.device_count())
        distributed.init_process_group('gloo', timeout=PATIENCE)
    except (KeyError, ValueError) as error:
        raise InputError(f'--launcher {launcher}: expected the environment variables that it '
                         f'sets ({error})') from error
    try:
        yield
        with suppress(RuntimeError):  # another process has failed
            barrier()  # if one exits with another code than 0, launchers kill the others
    finally:
        end_process_group()


def call_in_first(function: Callable[[], Result]) -> Result:
    """Call a function in the first process; the others wait until it is done.

    Returns:
        What the function has returned, in every process.

    Raises:
        InputError: In the other processes, if the function raised this or an ``OSError``.
    """
    error: Exception | None = None
    answer: list[Any] = [None, None]
    if get_rank() == 0:
        try:
            answer[0] = function()
        except (InputError, OSError) as caught:
            error, answer[1] = caught, str(caught)
    broadcast_object_list(answer)
    result, message = answer
    if error is not None:
        raise error
    if message is not None:
        raise InputError(message)
    return result


class Meeting:
    """A block at whose end the processes exchange their results, also after an error.

    Args:
        bring (Callable): Returns the result of this process.
        receive (Callable): Called with the result of each of the other processes.
    """

    def __init__(self, bring: Callable[[], Any], receive: Callable[[Any], None]) -> None:
        self._bring = bring
        self._receive = receive
        self._took_place = False

    def __enter__(self) -> Meeting:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Exchange results, and wait until all processes have received them.

        If this process was stopped (Ctrl-C reaches all of them) and another ended before the
        exchange, the error of this process is raised.

        Raises:
            InputError: If another process was stopped by an error, and this one was not.
        """
        reason = None if error is None else str(error) or type(error).__name__
        self._took_place = True
        if error is None:
            self._exchange(reason)
        else:
            with suppress(RuntimeError):  # of the gloo backend: connection closed by peer
                self._exchange(reason)

    def _exchange(self, reason: str | None) -> None:
        brought = all_gather_object((self._bring(), reason))
        try:
            for rank, (content, _) in enumerate(brought):
                if rank != get_rank():
                    self._receive(content)
        finally:
            barrier()
        failed = [f'process {rank} was stopped: {reason}'
                  for rank, (_, reason) in enumerate(brought) if reason is not None]
        if reason is None and failed:
            raise InputError('; '.join(failed))

    def part(self) -> None:
        """Wait until all processes come here: when one exits, launchers may kill the others.

        A process that an error has kept from the exchange does not wait. If another process has
        already ended, by Ctrl-C or an error, nobody waits; the launcher reports it.
        """
        if self._took_place:
            with suppress(RuntimeError):  # of the gloo backend: connection closed by peer
                barrier()


def _speak_slurm() -> None:
    """Set torchrun's environment variables from those of Slurm."""
    environment = os.environ
    environment['RANK'] = environment['SLURM_PROCID']
    environment['WORLD_SIZE'] = environment['SLURM_NTASKS']
    environment['LOCAL_RANK'] = environment['SLURM_LOCALID']
    environment.setdefault('MASTER_PORT', '29500')
    if 'MASTER_ADDR' not in environment:
        command = ['scontrol', 'show', 'hostnames', environment['SLURM_NODELIST']]
        hosts = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        environment['MASTER_ADDR'] = hosts.stdout.split()[0]
