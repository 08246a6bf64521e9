"""Files are written beside and renamed, so that a reader never sees half of one."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PART_SUFFIX = '.part'


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a path to write to; it becomes ``path`` when the block ends without an error.

    Args:
        path (str | Path): The file to make or replace. Its folder must exist.

    Yields:
        Path: A file beside it, with the process number in its name and the suffix ``.part``.
    """
    path = Path(path)
    part = path.with_name(f'.{path.name}.{os.getpid()}{PART_SUFFIX}')
    try:
        yield part
        os.replace(part, path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file atomically."""
    with atomic_path(path) as part:
        part.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_bytes(path, text.encode('utf-8'))


def remove_parts(folder: str | Path) -> None:
    """Remove what killed writers left in a folder of ours."""
    for part in Path(folder).glob(f'.*{PART_SUFFIX}'):
        part.unlink()


def make_output_folder(path: str | Path) -> Path:
    """Make a folder and check that files can be written into it.

    Raises:
        OSError: If not, naming the folder.
    """
    folder = Path(path)
    probe = folder / f'.probe.{os.getpid()}{PART_SUFFIX}'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(f'{folder}: cannot write into this folder ({error.strerror})') from error
    return folder
