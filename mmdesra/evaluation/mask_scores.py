"""Scoring folders of masks against the ground truth, and against the masks from before."""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ..errors import InputError
from ..files import (
    ImageError,
    ImageFolder,
    collect_images,
    image_name,
    read_image,
    read_mask,
    shown_name,
    size_of,
)
from ..files.images import check_usable
from ..ops import DetailChange, MaskScores, RegionChanges, compare_regions, score_mask
from ..ops.scores import COVERAGE
from .figures import (
    CHANGE_COUNTS,
    CHANGE_RATES,
    SCORE_COUNTS,
    SCORE_RATES,
    change_figures,
    score_figures,
)
from .image_detail import image_detail

logger = logging.getLogger('mmdesra')

NAMED_AT_MOST = 5

COLUMNS = ('image', *SCORE_RATES, *SCORE_COUNTS, 'iou_before', *CHANGE_RATES, *CHANGE_COUNTS,
           'detail_kept', 'error')
"""Of the table of images."""


@dataclass(frozen=True)
class MaskFolders:
    """The folders to score, matched by file stem.

    The images of ``gt`` (without it, those of ``before``) are the set; each needs a file in
    every other folder.

    Attributes:
        pred (str | Path): Detected masks; with ``before``, those after fine-tuning.
        gt (str | Path, optional): Ground truth.
        before (str | Path, optional): Masks detected before fine-tuning.
        pred_images (str | Path, optional): The SR images after, for the detail kept.
        before_images (str | Path, optional): The SR images before.

    Raises:
        InputError: If there is nothing to score against, or one of the images' folders is given
            without the other or without ``before``.
    """
    pred: str | Path
    gt: str | Path | None = None
    before: str | Path | None = None
    pred_images: str | Path | None = None
    before_images: str | Path | None = None

    def __post_init__(self) -> None:
        if self.gt is None and self.before is None:
            raise InputError('expected masks to score against: ground truth, masks from before '
                             'fine-tuning, or both')
        given = {folder is not None for folder in (self.pred_images, self.before_images)}
        if len(given) > 1 or (True in given and self.before is None):
            raise InputError('expected the images after and before fine-tuning together, with '
                             'the masks from before: detail kept is measured outside those')

    @property
    def reference(self) -> str | Path:
        """str | Path: The folder whose images are the set."""
        found = self.before if self.gt is None else self.gt
        assert found is not None  # __post_init__ has seen to it
        return found


@dataclass(frozen=True)
class _Folders:
    """Where the images of :class:`MaskFolders` are looked up."""
    pred: ImageFolder
    gt: ImageFolder | None
    before: ImageFolder | None
    pred_images: ImageFolder | None
    before_images: ImageFolder | None

    @classmethod
    def of(cls, folders: MaskFolders) -> _Folders:
        def opened(folder: str | Path | None) -> ImageFolder | None:
            return None if folder is None else ImageFolder.checked(folder)

        return cls(ImageFolder.checked(folders.pred), opened(folders.gt), opened(folders.before),
                   opened(folders.pred_images), opened(folders.before_images))


@dataclass(frozen=True)
class ImageScores:
    """What became of one image; a part whose folders were not given is None.

    Attributes:
        image (str): Name of its file in the folder that decides the set.
        scores (MaskScores, optional): The mask against the ground truth.
        scores_before (MaskScores, optional): The mask from before against the ground truth.
        changes (RegionChanges, optional): From the mask before to the mask after.
        detail (DetailChange, optional): From the image before to the image after.
        error (str): Why the image was skipped; empty if it was not.
    """
    image: str
    scores: MaskScores | None = None
    scores_before: MaskScores | None = None
    changes: RegionChanges | None = None
    detail: DetailChange | None = None
    error: str = ''

    def row(self) -> dict:
        """Return a row of the table of images, see :data:`COLUMNS`."""
        row: dict = dict(image=self.image, error=self.error)
        if self.scores:
            row.update(score_figures(self.scores))
        if self.scores_before:
            row['iou_before'] = self.scores_before.iou
        if self.changes:
            row.update(change_figures(self.changes))
        if self.detail:
            row['detail_kept'] = self.detail.kept
        return row


@dataclass(frozen=True)
class SetScores:
    """The scores of a set of images.

    Attributes:
        p (float): See :func:`mmdesra.ops.scores.score_mask`.
        margin (int): The same.
        images (list[ImageScores]): In the order of the names, those skipped included.
    """
    p: float
    margin: int
    images: list[ImageScores]

    @property
    def done(self) -> list[ImageScores]:
        """list[ImageScores]: The images that were scored."""
        return [image for image in self.images if not image.error]

    @property
    def scores(self) -> MaskScores | None:
        """MaskScores | None: Over the set; None without ground truth."""
        return self._total('scores', MaskScores())

    @property
    def scores_before(self) -> MaskScores | None:
        """MaskScores | None: Of the masks from before; None without them or ground truth."""
        return self._total('scores_before', MaskScores())

    @property
    def changes(self) -> RegionChanges | None:
        """RegionChanges | None: Over the set; None without masks from before."""
        return self._total('changes', RegionChanges(0, 0, 0, 0))

    @property
    def detail(self) -> DetailChange | None:
        """DetailChange | None: Over the set; None without images."""
        return self._total('detail', DetailChange())

    def figures(self) -> dict:
        """Return everything as plain figures, for JSON."""
        figures: dict = dict(p=self.p, margin=self.margin, images=len(self.done))
        if self.scores:
            figures['scores'] = score_figures(self.scores)
        if self.scores_before:
            figures['scores_before'] = score_figures(self.scores_before)
        if self.changes:
            figures['changes'] = change_figures(self.changes)
        if self.detail:
            figures['detail_kept'] = self.detail.kept
        return dict(figures, per_image=[image.row() for image in self.images])

    def _total(self, part: str, nothing: Any) -> Any:
        parts = [getattr(image, part) for image in self.done]
        return None if not parts or parts[0] is None else sum(parts, nothing)


@dataclass(frozen=True)
class FolderScores(SetScores):
    """The scores of folders of masks.

    Attributes:
        folders (MaskFolders): What was scored.
        unscored (list[str]): Masks of ``pred`` that the set does not hold.
    """
    folders: MaskFolders
    unscored: list[str] = field(default_factory=list)

    def figures(self) -> dict:
        """See :meth:`SetScores.figures`."""
        folders = {name: str(folder) for name, folder in asdict(self.folders).items()
                   if folder is not None}
        return dict(folders=folders, **super().figures(), unscored=self.unscored)


def score_folders(folders: MaskFolders, p: float = COVERAGE, margin: int = 0,
                  recursive: bool = False) -> FolderScores:
    """Score every image of a set; one that cannot be used is reported and skipped.

    Args:
        folders (MaskFolders): Where the masks (and images) are; nothing is written there.
        p (float): See :func:`mmdesra.ops.scores.score_mask`.
        margin (int): The same.
        recursive (bool): Whether the folders are read with their sub-folders.

    Raises:
        InputError: If ``p`` or ``margin`` is out of range.
        ImageError: If a folder does not exist or holds no image.
    """
    check_options(p, margin)
    paths = collect_images(folders.reference, recursive)
    found = _Folders.of(folders)
    images = []
    for path in tqdm(paths, 'score', unit='image'):
        try:
            check_usable(path)
            images.append(_score_image(found, path, p, margin))
        except ImageError as error:
            logger.warning('skipped: %s', error)
            images.append(ImageScores(shown_name(path), error=str(error)))
    names = set(map(image_name, paths))
    unscored = [shown_name(path) for path in collect_images(folders.pred, recursive)
                if image_name(path) not in names]
    if unscored:
        logger.warning('%s: %d masks have no partner in %s and were not scored: %s', folders.pred,
                       len(unscored), folders.reference, name_some(unscored))
    return FolderScores(p, margin, images, folders, unscored)


def check_options(p: float, margin: int) -> None:
    """Check the options of :func:`mmdesra.ops.score_mask` before any image is read.

    Raises:
        InputError: If one of them is out of range.
    """
    if not 0 < p <= 1:
        raise InputError(f'expected p in (0, 1], got {p}')
    if margin < 0:
        raise InputError(f'expected a margin of at least 0 px, got {margin}')


def name_some(names: list[str]) -> str:
    """Return the first names of a list, for messages."""
    return ', '.join(names[:NAMED_AT_MOST]) + ', …' * (len(names) > NAMED_AT_MOST)


def _score_image(folders: _Folders, path: Path, p: float, margin: int) -> ImageScores:
    pred = _read(read_mask, folders.pred, path)
    gt, before = (None if folder is None else _read(read_mask, folder, path)
                  for folder in (folders.gt, folders.before))
    images = None
    if folders.before_images is not None and folders.pred_images is not None:
        images = (_read(read_image, folders.before_images, path),
                  _read(read_image, folders.pred_images, path))
    return score_image(path, pred, gt, before, images, p, margin)


def score_image(path: Path, pred: np.ndarray, gt: np.ndarray | None,
                before: np.ndarray | None = None,
                images: tuple[np.ndarray, np.ndarray] | None = None,
                p: float = COVERAGE, margin: int = 0) -> ImageScores:
    """Score the mask of one image.

    Args:
        path (Path): The image, for messages and the table.
        pred (np.ndarray): The detected mask, bool, shape ``(H, W)``; with ``before``, that after
            fine-tuning.
        gt (np.ndarray, optional): The ground truth, likewise.
        before (np.ndarray, optional): The mask from before fine-tuning, likewise.
        images (tuple, optional): The SR images before and after, uint8, shape ``(H, W, 3)``, for
            the detail kept; taken only where ``before`` is given.
        p (float): See :func:`mmdesra.ops.scores.score_mask`.
        margin (int): The same.

    Raises:
        ImageError: If the sizes differ, or the margin leaves nothing.
    """
    _check_sizes(path, pred=pred, gt=gt, before=before)
    try:
        scores = None if gt is None else _score(pred, gt, p, margin)
        scores_before = None if gt is None or before is None else _score(before, gt, p, margin)
    except ValueError as error:
        raise ImageError(f'{path}: {error}') from error
    if before is None:
        return ImageScores(shown_name(path), scores)
    changes = compare_regions(torch.from_numpy(before), torch.from_numpy(pred))
    return ImageScores(shown_name(path), scores, scores_before, changes,
                       None if images is None else _detail_change(images, path, before))


def _detail_change(images: tuple[np.ndarray, np.ndarray], path: Path,
                   before: np.ndarray) -> DetailChange:
    _check_sizes(path, mask=before, image_before=images[0], image_after=images[1])
    try:
        return DetailChange(*(image_detail(image, before) for image in images))
    except ValueError as error:
        raise ImageError(f'{path}: {error}') from error


def _read(read: Callable[[Path], np.ndarray], folder: ImageFolder, path: Path) -> np.ndarray:
    return read(folder.find(image_name(path)))


def _score(pred: np.ndarray, gt: np.ndarray, p: float, margin: int) -> MaskScores:
    return score_mask(torch.from_numpy(pred), torch.from_numpy(gt), p, margin)


def _check_sizes(path: Path, **images: np.ndarray | None) -> None:
    sizes = {name: size_of(image) for name, image in images.items() if image is not None}
    if len(set(sizes.values())) > 1:
        named = ', '.join(f'{size} ({name.replace("_", " ")})' for name, size in sizes.items())
        raise ImageError(f'{path}: expected one size, got {named}')
