"""Scoring the masks, and the images, of one image."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from ..errors import InputError
from ..files import (
    ImageError,
    ImageFolder,
    image_name,
    read_image,
    read_mask,
    shown_name,
    size_of,
)
from ..ops import MaskScores, score_mask
from ..ops.scores import COVERAGE
from .figures import (
    CHANGE_COUNTS,
    CHANGE_RATES,
    FADING_FIGURES,
    SCORE_COUNTS,
    SCORE_RATES,
    change_figures,
    fading_figures,
    known,
    score_figures,
)
from .ground_truths import GroundTruths
from .image_sums import Before, ImageSums, Known
from .judge import Judge
from .mask_folders import OpenFolders
from .truth_sums import FLAT_NAMES as TRUTH_FIGURES
from .truth_sums import flat_figures

COLUMNS = ('image', *SCORE_RATES, *SCORE_COUNTS, 'iou_before', *CHANGE_RATES, *CHANGE_COUNTS,
           'detail_kept', *FADING_FIGURES, *TRUTH_FIGURES, 'error')
"""Of the table of images."""


@dataclass(frozen=True)
class ImageScores:
    """What became of one image; a part whose folders were not given is None.

    Attributes:
        image (str): Name of its file in the folder that decides the set.
        scores (MaskScores, optional): The mask against the ground truth.
        scores_before (MaskScores, optional): The mask from before against the ground truth.
        sums (ImageSums): From the image before to the image after, and against the true one.
        error (str): Why the image was skipped; empty if it was not.
    """
    image: str
    scores: MaskScores | None = None
    scores_before: MaskScores | None = None
    sums: ImageSums = field(default_factory=ImageSums)
    error: str = ''

    def row(self) -> dict:
        """Return a row of the table of images, see :data:`COLUMNS`."""
        row: dict = dict(image=self.image, error=self.error)
        if self.scores:
            row.update(score_figures(self.scores))
        if self.scores_before:
            row['iou_before'] = self.scores_before.iou
        sums = self.sums
        if sums.changes:
            row.update(change_figures(sums.changes))
        if sums.detail:
            row['detail_kept'] = sums.detail.kept
        if sums.fading:
            row.update(fading_figures(sums.fading))
        if sums.truth:
            row.update({name: known(value) for name, value
                        in flat_figures(sums.truth.figures()).items()})
        return row


def score_files(folders: OpenFolders, path: Path, judge: Judge, truths: GroundTruths | None,
                p: float, margin: int) -> ImageScores:
    """Score one image of folders.

    Args:
        folders (OpenFolders): Where everything is.
        path (Path): Its file in the folder that decides the set.
        judge (Judge): Compares with the truth.
        truths (GroundTruths, optional): The true images.
        p (float): See :func:`mmdesra.ops.scores.score_mask`.
        margin (int): The same.

    Raises:
        ImageError: If a file is missing, cannot be read, or does not fit.
    """
    def read(load: Callable[[Path], np.ndarray], folder: ImageFolder | None) -> np.ndarray | None:
        return None if folder is None else load(folder.find(image_name(path)))

    pred = read_mask(folders.pred.find(image_name(path)))
    gt, before = (read(read_mask, folder) for folder in (folders.gt, folders.before))
    after, image_before, mse = (read(read_image, folder) for folder in (
        folders.pred_images, folders.before_images, folders.mse_images))
    facts = Known(gt, None if before is None else Before(before, image_before), mse)
    _check_sizes(path, pred, after, facts)
    if truths is not None and after is not None:
        facts = replace(facts, truth=truths.read(after, path))
    return score_image(path, pred, after, facts, judge, p, margin)


def score_image(path: Path, pred: np.ndarray, image: np.ndarray | None, facts: Known,
                judge: Judge, p: float = COVERAGE, margin: int = 0) -> ImageScores:
    """Score the mask of one image.

    Args:
        path (Path): The image, for messages and the table.
        pred (np.ndarray): The detected mask, bool, shape ``(H, W)``; with ``facts.before``, that
            after fine-tuning.
        image (np.ndarray, optional): Its SR image, uint8, shape ``(H, W, 3)``.
        facts (Known): What else is known, of the same size.
        judge (Judge): Compares with the truth.
        p (float): See :func:`mmdesra.ops.scores.score_mask`.
        margin (int): The same.

    Raises:
        ImageError: If the sizes differ, or the margin leaves nothing.
    """
    _check_sizes(path, pred, image, facts)
    try:
        return _score(shown_name(path), pred, image, facts, judge, p, margin)
    except InputError:
        raise
    except ValueError as error:
        raise ImageError(f'{path}: {error}') from error


def _score(name: str, pred: np.ndarray, image: np.ndarray | None, facts: Known, judge: Judge,
           p: float, margin: int) -> ImageScores:
    def against_gt(mask: np.ndarray) -> MaskScores | None:
        return None if facts.gt_mask is None else score_mask(
            torch.from_numpy(mask), torch.from_numpy(facts.gt_mask), p, margin)

    before = facts.before
    return ImageScores(name, against_gt(pred), None if before is None else against_gt(before.mask),
                       ImageSums.of(image, pred, facts, judge))


def _check_sizes(path: Path, pred: np.ndarray, image: np.ndarray | None, facts: Known) -> None:
    before = facts.before
    images = dict(pred=pred, gt=facts.gt_mask, before=None if before is None else before.mask,
                  image_after=image, image_before=None if before is None else before.image,
                  mse_image=facts.reference)
    sizes = {name: size_of(image) for name, image in images.items() if image is not None}
    if len(set(sizes.values())) > 1:
        named = ', '.join(f'{size} ({name.replace("_", " ")})' for name, size in sizes.items())
        raise ImageError(f'{path}: expected one size, got {named}')
