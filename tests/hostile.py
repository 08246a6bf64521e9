"""Files of weights that would make a file, were code from them run: in every layout there is."""
from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

REFUSED = '|'.join((
    'would run code from the file', 'a program and no weights alone', 'before PyTorch 0.4',
    'torch.save did not write'))
"""What our errors say of these files, one or the other."""


class Code:
    """Unpickled, it makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return open, (str(self.canary), 'w')


def zipped(path: Path, canary: Path, content: dict) -> Path:
    """As torch.save writes it."""
    torch.save(dict(content, extra=Code(canary)), path)
    return path


def legacy(path: Path, canary: Path, content: dict) -> Path:
    """As torch.save wrote it before PyTorch 1.6."""
    torch.save(dict(content, extra=Code(canary)), path, _use_new_zipfile_serialization=False)
    return path


def legacy_at_once(path: Path, canary: Path, content: dict) -> Path:
    """The mark of that layout is there, after the code."""
    whole = legacy(path, canary, content).read_bytes()
    path.write_bytes(pickle.dumps((0x1950a86a20f9469cfc6c, Code(canary)), 2) + whole)
    return path


def tar(path: Path, canary: Path, content: dict) -> Path:
    """As before PyTorch 0.4; below 2.6 it is unpickled whatever is asked for."""
    with tarfile.open(path, 'w') as archive:
        for name in ('sys_info', 'pickle', 'storages', 'tensors'):
            data = pickle.dumps(Code(canary), 2)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def torch_script(path: Path, canary: Path, content: dict) -> Path:
    """A program of PyTorch's own kind, with one of pickle's in the place of its constants."""
    source = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(1, 1)), source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, 'w') as new:
        for entry in old.infolist():
            is_pickle = entry.filename.endswith('.pkl')
            new.writestr(entry.filename,
                         pickle.dumps(Code(canary), 2) if is_pickle else old.read(entry))
    return path


def plain_pickle(path: Path, canary: Path, content: dict) -> Path:
    """Written by pickle alone."""
    path.write_bytes(pickle.dumps(dict(content, extra=Code(canary))))
    return path


def called_safetensors(path: Path, canary: Path, content: dict) -> Path:
    """A pickle whose name promises that it is none."""
    return zipped(path.with_suffix('.safetensors'), canary, content)


def linked(path: Path, canary: Path, content: dict) -> Path:
    """A link to one that has another name."""
    target = zipped(path.with_name('elsewhere.bin'), canary, content)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    return path


LAYOUTS: tuple[Callable[[Path, Path, dict], Path], ...] = (
    zipped, legacy, legacy_at_once, tar, torch_script, plain_pickle, called_safetensors, linked)
