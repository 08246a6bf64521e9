"""Masks that a person has changed: kept when the folder is about to write over them."""
from __future__ import annotations

import logging
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..files import ImageError, read_mask
from ..files.left_out import COMPANIONS
from ..files.listing import is_image_name
from .pseudo_gt_folder import PseudoGTFolder, file_sha256

logger = logging.getLogger('mmdesra')


def keep_as_drawn(folder: PseudoGTFolder, name: str, mask: np.ndarray) -> None:
    """Keep a copy of a drawn mask before it is rewritten as 0 and 255."""
    if not _has_mask(folder.drawn_path(name), mask):  # else it is there since a run was killed
        folder.keep_drawn(name)


def keep_if_changed(folder: PseudoGTFolder, name: str, known: Container[str],
                    mask: np.ndarray | None = None) -> None:
    """Keep a copy of a mask that is about to be overwritten or removed, if a person changed it.

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


def refuse_elsewhere(mask_path: Path, others: Iterable[Path]) -> None:
    """Refuse a mask that is saved under another file name than the one that is read.

    Paint programs save ``a.jpg``, ``a.tif`` or ``a.xcf``; whoever then deletes ``a.png`` did not
    mean to delete the mask.

    Args:
        mask_path (Path): Where the mask of an image is read.
        others (Iterable[Path]): All files of the mask folder that have the image's name.

    Raises:
        ImageError: If one of them may be the mask instead.
    """
    if mask_path.is_dir():
        raise ImageError(f'{mask_path}: expected a mask, found a folder; put the mask in its '
                         'place, or delete it to drop the pair')
    is_there = mask_path.is_file()
    for other in filter(may_be_mask, others):
        if not is_there or (is_image_name(other.name) and not other.samefile(mask_path)):
            beside = ' beside the one that is read' if is_there else ', and none that is read'
            raise ImageError(f'{other}: is a mask{beside}: expected {mask_path.name}; save it as '
                             'that (a PNG), or move it out of the folder')


def may_be_mask(path: Path) -> bool:
    """Tell whether a file in a mask folder may be a mask: no backup, and no companion."""
    return not path.name.endswith(('~', '.bak')) and path.suffix.lower() not in COMPANIONS


def _has_mask(path: Path, mask: np.ndarray) -> bool:
    with suppress(ImageError):
        return path.is_file() and np.array_equal(read_mask(path), mask)
    return False
