"""What the figures were measured on."""
from __future__ import annotations

import os
import platform
from importlib import metadata

import torch

PACKAGES = ('mmdesra', 'torch', 'torchvision', 'numpy', 'mmengine', 'mmcv-lite', 'mmcv', 'mmagic')


def describe_machine(device: torch.device) -> dict[str, str]:
    """Return what decides the figures: card, driver's CUDA, versions."""
    described = dict(device=str(device), python=platform.python_version(),
                     system=platform.platform(), processors=str(os.cpu_count()),
                     threads=str(torch.get_num_threads()))
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
