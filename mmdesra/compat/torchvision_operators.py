"""Importing a torchvision whose compiled library PyTorch cannot load."""

from __future__ import annotations

import importlib.machinery
import re
import sys
from pathlib import Path

import torch

from .packages import package_folder

NMS_SCHEMA = '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'
# PyTorch forgets a library's operators as soon as the library object is collected.
LIBRARIES: list[torch.library.Library] = []


def mend_torchvision_operators() -> bool:
    """Symptom: ``import torchvision`` fails, ``operator torchvision::nms does not exist``.

    A torchvision built for CUDA does not find the CUDA libraries with a CPU build of PyTorch. It
    would go on without its compiled operators, but fails where it registers shapes for two of
    them. So the two are declared; calling one still raises torchvision's own error.
    """
    folder = package_folder('torchvision')
    if (folder is None or 'torchvision' in sys.modules
            or any(can_load_library(folder, name) for name in library_names(folder))):
        return False
    missing = [name for name in ('nms', 'qnms') if not hasattr(torch.ops.torchvision, name)]
    if not missing:
        return False
    library = torch.library.Library('torchvision', 'FRAGMENT')
    for name in missing:
        library.define(name + NMS_SCHEMA)
    LIBRARIES.append(library)
    return True


def library_names(folder: str) -> list[str]:
    """Returns the names that the compiled library may have: ``_C``, from 0.29 on ``_C_stable``.

    If the library is overlooked and loaded after an operator was declared, the process dies.
    """
    extension = Path(folder, 'extension.py')
    text = extension.read_text(encoding='utf-8') if extension.is_file() else ''
    files = {path.name.partition('.')[0] for path in Path(folder).glob('_C*')}
    return sorted({'_C', *files, *re.findall(r'_load_library\([\'"](\w+)', text)})


def can_load_library(folder: str, name: str) -> bool:
    """Whether PyTorch can load a compiled library; it is looked for as torchvision does."""
    spec = importlib.machinery.PathFinder.find_spec(name, [folder])
    if spec is None:
        return False
    try:
        torch.ops.load_library(spec.origin)
    except (ImportError, OSError):
        return False
    return True
