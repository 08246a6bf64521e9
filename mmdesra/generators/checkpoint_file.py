"""What a file of weights may be made of, looked at before anything of it is unpacked."""
from __future__ import annotations

import mmap
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

MAX_GROWTH = 10
"""How many times as large as its file a checkpoint may be; PyTorch does not compress."""

SLACK = 64 * 2**20
"""Bytes that any checkpoint may have."""

HUNGRY = b'bytearray'
"""The one name that PyTorch lets a pickle call with a size, however large."""

ASKS_FOR_MEMORY = f'it asks for a {HUNGRY.decode()}, which may take all memory'


def check_file(path: Path) -> None:
    """Look a checkpoint over without unpickling it.

    A zip's checksums are compared, which PyTorch leaves out: a damaged file would be other
    weights. An entry without one (``torch.serialization.set_crc32_options(False)``) is passed
    over.

    Raises:
        ValueError: If it would unpack to too much, or is in a layout that is not safe to read.
        zipfile.BadZipFile: If it is damaged.
    """
    if zipfile.is_zipfile(path):
        _check_zip(path)
    elif _is_tar(path):
        # Before PyTorch 2.6 such a file runs its pickles, whatever was asked for.
        raise ValueError('the layout of before PyTorch 0.4 is not read; load and save the file '
                         'with a later PyTorch')
    elif _asks_for_memory(path):
        raise ValueError(ASKS_FOR_MEMORY)


def check_tensors(content: Mapping, path: Path) -> None:
    """Refuse tensors that show few stored values as many.

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


def _is_tar(path: Path) -> bool:
    try:
        with tarfile.open(path, 'r:') as archive:
            return bool(archive.next())
    except (tarfile.TarError, ValueError):
        return False


def _asks_for_memory(path: Path) -> bool:
    if not path.stat().st_size:
        return False
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(HUNGRY) >= 0


def _tensors_in(content: Mapping) -> Iterator[Tensor]:
    for value in content.values():
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, Mapping):
            yield from (one for one in value.values() if isinstance(one, Tensor))


def _mib(size: int) -> str:
    return f'{size / 2**20:,.0f} MiB'
