"""SHA-256 of files."""
from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

CHUNK = 2**20


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, as ``sha256sum`` prints it.

    Raises:
        OSError: If it cannot be read.
    """
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while content := file.read(CHUNK):
            digest.update(content)
    return digest.hexdigest()


def weights_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file of weights, which is read once as long as it stays the same.

    Raises:
        OSError: If it cannot be read.
    """
    status = Path(path).stat()
    return _known_sha256(os.path.realpath(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _known_sha256(path: str, size: int, changed: int) -> str:
    return file_sha256(path)
