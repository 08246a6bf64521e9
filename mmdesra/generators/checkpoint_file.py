"""Checks of a checkpoint file before anything in it is unpacked."""
from __future__ import annotations

import mmap
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from .file_kinds import SAFETENSORS, ZIP, weights_format

MAX_GROWTH = 10
"""How many times as large as its file a checkpoint may be; PyTorch does not compress."""

SLACK = 64 * 2**20
"""Bytes that any checkpoint may have."""

HUNGRY = b'bytearray'
"""The one name that PyTorch lets a pickle call with a size, however large."""

ASKS_FOR_MEMORY = f'it asks for a {HUNGRY.decode()}, which may take all memory'


def check_file(path: Path) -> str:
    """Look a checkpoint over without unpickling it.

    A zip's checksums are compared, which PyTorch leaves out: a damaged file would be other
    weights. An entry without one (``torch.serialization.set_crc32_options(False)``) is passed
    over.

    Returns:
        str: Its format by its content, see :func:`mmdesra.generators.file_kinds.weights_format`.

    Raises:
        ForeignFileError: If it is no file of weights.
        ValueError: If it would unpack to too much.
        zipfile.BadZipFile: If it is damaged.
    """
    found = weights_format(path)
    if found == SAFETENSORS:
        return found
    with path.open('rb') as file:
        is_zip = file.read(len(ZIP[0])) in ZIP
    if is_zip:
        _check_zip(path)
    elif _asks_for_memory(path):
        raise ValueError(ASKS_FOR_MEMORY)
    return found


def check_tensors(content: Mapping, path: Path) -> None:
    """Refuse tensors that are far larger than the values stored for them.

    Raises:
        ValueError: If there are any.
    """
    size = sum(tensor.numel() * tensor.element_size() for tensor in _tensors_in(content))
    _refuse_growth(size, path)


def _check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _refuse_growth(sum(entry.file_size for entry in entries), path)
        for entry in entries:
            entry.CRC = entry.CRC or None  # type: ignore[assignment]  # None: not compared
            if entry.filename.endswith('.pkl') and HUNGRY in archive.read(entry):
                raise ValueError(ASKS_FOR_MEMORY)
            with archive.open(entry) as file:
                while file.read(2**20):
                    pass


def _refuse_growth(size: int, path: Path) -> None:
    limit = MAX_GROWTH * path.stat().st_size + SLACK
    if size > limit:
        raise ValueError(f'it would unpack to {_mib(size)}, and the limit is {_mib(limit)}: '
                         f'{MAX_GROWTH} times the file and {_mib(SLACK)}')


def _asks_for_memory(path: Path) -> bool:
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(HUNGRY) >= 0


def _tensors_in(content: Mapping) -> Iterator[Tensor]:
    """Yield the tensors in all containers, each container once: a pickle can hold itself."""
    waiting: list = [content]
    seen = set()
    while waiting:
        here = waiting.pop()
        if isinstance(here, Tensor):
            yield here
        elif isinstance(here, (Mapping, list, tuple)) and id(here) not in seen:
            seen.add(id(here))
            waiting.extend(here.values() if isinstance(here, Mapping) else here)


def _mib(size: int) -> str:
    return f'{size / 2**20:,.0f} MiB'
