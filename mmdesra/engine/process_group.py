"""Leaving a distributed run."""
from __future__ import annotations

import gc

from torch import distributed


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
