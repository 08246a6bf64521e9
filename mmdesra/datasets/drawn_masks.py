"""Masks that a person has changed: kept when the folder is about to write over them."""
from __future__ import annotations

import logging
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..files import ImageError, read_mask
from .pseudo_gt_folder import PseudoGTFolder, file_sha256

logger = logging.getLogger('mmdesra')


def keep_as_drawn(folder: PseudoGTFolder, name: str, mask: np.ndarray) -> None:
    """Keep a mask that is read as this one, before it is brought into the form of all others."""
    if not _has_mask(folder.drawn_path(name), mask):  # else it is there since a run was killed
        folder.keep_drawn(name)


def keep_if_changed(folder: PseudoGTFolder, name: str, known: Container[str],
                    mask: np.ndarray | None = None) -> None:
    """Keep a mask that is about to go, if it was changed since it was written.

    Args:
        folder (PseudoGTFolder): The folder.
        name (str): The image's name.
        known (Container[str]): SHA-256 of the masks that were written.
        mask (np.ndarray, optional): What is written in its place; nothing is lost if it is equal.
    """
    path = folder.mask_path(name)
    if not path.is_file() or file_sha256(path) in known:
        return
    if mask is None or not _has_mask(path, mask):
        logger.warning('%s: was changed by hand, and its LR image was changed since; the mask is '
                       'kept as %s', path, folder.keep_drawn(name))


def _has_mask(path: Path, mask: np.ndarray) -> bool:
    with suppress(ImageError):
        return path.is_file() and np.array_equal(read_mask(path), mask)
    return False
