"""Fetching published weights."""
from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlparse

import torch

from ..errors import InputError


class DownloadError(InputError):
    """A file that could not be fetched; the message says what to download by hand."""


def fetch_weights(url: str, instead: str) -> Path:
    """Download a file of weights into PyTorch's cache, or find it there.

    The cache is the one of :mod:`torch.hub` and of mmengine (``TORCH_HOME``). A name such as
    ``….-41d2845b.pth`` holds the first digits of the file's SHA-256, which is checked.

    Args:
        url (str): Address of the file.
        instead (str): What else a user can do with a file downloaded by hand, for the error.

    Returns:
        Path: The file.

    Raises:
        DownloadError: If it cannot be fetched, or its hash differs from the one in its name.
    """
    path = Path(torch.hub.get_dir(), 'checkpoints', Path(urlparse(url).path).name)
    if path.is_file():
        return path
    digits = re.search(r'-([0-9a-f]{8,})\.\w+$', path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), digits and digits.group(1))
    except (OSError, RuntimeError) as error:  # no network, no space, wrong hash
        raise DownloadError(f'{url} cannot be downloaded ({error}). Download it by other means '
                            f'and put it at {path}, or {instead}') from error
    return path
