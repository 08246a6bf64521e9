"""What figures were measured on."""
from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import torch

PACKAGES = ('mmdesra', 'torch', 'torchvision', 'numpy', 'mmengine', 'mmcv-lite', 'mmcv', 'mmagic')


def describe_machine(device: torch.device | str = 'cpu') -> dict[str, str]:
    """Return what decides the figures: processor or card, its driver's CUDA, versions, load."""
    device = torch.device(device)
    described = dict(device=str(device), python=platform.python_version(),
                     system=platform.platform(), processor=name_of_processor(),
                     processors=str(os.cpu_count()), threads=str(torch.get_num_threads()))
    if hasattr(os, 'getloadavg'):
        described['load'] = f'{os.getloadavg()[0]:.1f}'
    for name in PACKAGES:
        try:
            described[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    described['torch'] = torch.__version__  # with the build, which metadata may leave out
    if device.type == 'cuda':
        card = torch.cuda.get_device_properties(device)
        described.update(
            card=card.name, card_memory=f'{card.total_memory / 2**30:.0f} GiB',
            compute_capability=f'{card.major}.{card.minor}', cuda=str(torch.version.cuda),
            cudnn=str(torch.backends.cudnn.version()),
            tf32=f'convolutions: {torch.backends.cudnn.allow_tf32}')
    return described


def name_of_processor() -> str:
    """Return what the system calls it."""
    try:
        found = re.search(r'model name\s*: (.*)', Path('/proc/cpuinfo').read_text('utf-8'))
    except OSError:  # not Linux
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def in_a_line(machine: Mapping[str, str]) -> str:
    """Return what a reader of a table must know."""
    where = machine.get('card') or f'{machine["processors"]} x {machine["processor"]}'
    load = f', load {machine["load"]} at the start' if 'load' in machine else ''
    return (f'{where}, {machine["threads"]} thread(s) of PyTorch{load}; Python '
            f'{machine["python"]}, PyTorch {machine["torch"]}, NumPy {machine["numpy"]}')
