"""Joining a distributed run, also without a GPU, and leaving it."""
from __future__ import annotations

import gc
import os
from importlib import import_module

import torch
from mmengine.config import Config
from torch import distributed

from ..errors import InputError
from ..files.config_types import with_settings

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
"""As in MMagic's tools/train.py."""

VARIABLES = dict(pytorch=('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'),
                 slurm=('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
                 mpi=('OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_SIZE',
                      'OMPI_COMM_WORLD_RANK'))
"""What each launcher puts into the environment of a process that it starts."""

MODEL_WRAPPER = 'MMSeparateDistributedDataParallel'
"""What MMagic's configs wrap their GAN models with: each network by itself."""


def join_process_group(config: Config, launcher: str) -> None:
    """Prepare a config, and this process, to train as one of several.

    With a GPU the Runner does it all. Without one mmengine would ask for one, so the group of
    the ``gloo`` backend is started here, from what ``torchrun`` put into the environment.

    Args:
        config (Config): Changed in place.
        launcher (str): One of :data:`LAUNCHERS`.

    Raises:
        InputError: If this process was not started by that launcher.
    """
    missing = [name for name in VARIABLES.get(launcher, ()) if name not in os.environ]
    if missing:
        raise InputError(f'--launcher {launcher}: expected to be started by it, which sets '
                         f'{", ".join(missing)}; leave --launcher out and give --nproc N, or '
                         'start it with torchrun, srun or mpirun')
    config.launcher = launcher
    if launcher != 'pytorch' or torch.cuda.is_available():
        return
    # First imported while the group exists, it would keep the group in default arguments.
    import_module('torch.distributed.optim')
    distributed.init_process_group('gloo')
    wrapper = config.get('model_wrapper_cfg') or dict(type=MODEL_WRAPPER)
    config.model_wrapper_cfg = with_settings(wrapper, device_ids=None)


def end_process_group() -> None:
    """End the process group, if there is one, and with it its threads; call it when all is done.

    mmengine's Runner starts a group and never ends it. Threads of the gloo backend then live on
    while Python shuts down. One that frees a tensor of the last collective at that moment asks for
    the interpreter, is unwound instead, and takes a process whose work is complete down with
    ``terminate called without an active exception`` (SIGABRT). NCCL warns.

    The threads end when nothing refers to the group any more. Whoever calls must therefore have
    let go of models in DistributedDataParallel and of their Runner, which are freed here.
    """
    if distributed.is_available() and distributed.is_initialized():
        gc.collect()  # Runner, model and hooks refer to each other
        distributed.destroy_process_group()
