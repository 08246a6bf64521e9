"""What figures were measured on."""
from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path

import torch

from mmdesra.files.run_description import package_versions

PACKAGES = ('torch', 'torchvision', 'numpy', 'mmengine', 'mmcv-lite', 'mmcv', 'mmagic')


def describe_machine(device: torch.device | str = 'cpu') -> dict[str, str]:
    """Return what decides the figures: processor or card, its driver's CUDA, versions, load."""
    device = torch.device(device)
    described = dict(device=str(device),
                     system=platform.platform(), processor=name_of_processor(),
                     processors=str(os.cpu_count()), threads=str(torch.get_num_threads()))
    if hasattr(os, 'getloadavg'):
        described['load'] = f'{os.getloadavg()[0]:.1f}'
    described.update(package_versions(PACKAGES))
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
