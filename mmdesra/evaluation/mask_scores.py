"""Scoring folders of masks against the ground truth, and against the masks from before."""
from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field

from tqdm import tqdm

from ..detectors import BaseDetector
from ..errors import InputError
from ..files import ImageError, collect_images, image_name, shown_name
from ..files.decoding import check_usable
from ..files.image_path import name_some
from ..ops import MaskScores
from ..ops.scores import COVERAGE
from .figures import change_figures, fading_figures, score_figures
from .ground_truths import GroundTruths
from .image_scores import COLUMNS, ImageScores, score_files
from .image_sums import ImageSums
from .judge import Judge
from .mask_folders import MaskFolders, OpenFolders
from .perceptual import build_perceptual

logger = logging.getLogger('mmdesra')

__all__ = ['COLUMNS', 'FolderScores', 'ImageScores', 'MaskFolders', 'SetScores', 'check_options',
           'score_folders']

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
        return self._total('scores')

    @property
    def scores_before(self) -> MaskScores | None:
        """MaskScores | None: Of the masks from before; None without them or ground truth."""
        return self._total('scores_before')

    @property
    def sums(self) -> ImageSums:
        """ImageSums: Over the set; None in it is what the folders do not tell."""
        return sum((image.sums for image in self.done), ImageSums())

    def figures(self) -> dict:
        """Return everything as plain figures, for JSON."""
        figures: dict = dict(p=self.p, margin=self.margin, images=len(self.done))
        if self.scores:
            figures['scores'] = score_figures(self.scores)
        if self.scores_before:
            figures['scores_before'] = score_figures(self.scores_before)
        sums = self.sums
        if sums.changes:
            figures['changes'] = change_figures(sums.changes)
        if sums.detail:
            figures['detail_kept'] = sums.detail.kept
        if sums.fading:
            figures['fading'] = fading_figures(sums.fading)
        if sums.truth:
            figures['truth'] = sums.truth.figures()
        return dict(figures, per_image=[image.row() for image in self.images])

    def _total(self, part: str) -> MaskScores | None:
        parts = [getattr(image, part) for image in self.done]
        return None if not parts or parts[0] is None else sum(parts, MaskScores())


@dataclass(frozen=True)
class FolderScores(SetScores):
    """The scores of folders of masks.

    Attributes:
        folders (MaskFolders): What was scored.
        unscored (list[str]): Masks of ``pred`` that the set does not hold.
        perceptual (dict, optional): The perceptual distance to the truths, described.
    """
    folders: MaskFolders
    unscored: list[str] = field(default_factory=list)
    perceptual: dict | None = None

    def figures(self) -> dict:
        """See :meth:`SetScores.figures`."""
        folders = {name: str(folder) for name, folder in asdict(self.folders).items()
                   if folder is not None}
        perceptual = dict(perceptual=self.perceptual) if self.sums.truth else {}
        return dict(folders=folders, **super().figures(), **perceptual, unscored=self.unscored)


def score_folders(folders: MaskFolders, p: float = COVERAGE, margin: int = 0,
                  perceptual: str | dict | BaseDetector | None = None,
                  recursive: bool = False) -> FolderScores:
    """Score every image of a set; one that cannot be used is reported and skipped.

    Args:
        folders (MaskFolders): Where the masks (and images) are; nothing is written there.
        p (float): See :func:`mmdesra.ops.scores.score_mask`.
        margin (int): The same.
        perceptual (str | dict | BaseDetector, optional): Perceptual distance to the true images,
            see :func:`mmdesra.evaluation.perceptual.build_perceptual`.
        recursive (bool): Whether the folders are read with their sub-folders.

    Raises:
        InputError: If ``p`` or ``margin`` is out of range, or there is a perceptual distance that
            cannot be built, or has no true images.
        ImageError: If a folder does not exist or holds no image.
    """
    check_options(p, margin)
    if perceptual is not None and folders.gt_images is None:
        raise InputError('expected true images for the perceptual distance to be measured to')
    paths = collect_images(folders.reference, recursive)
    found = OpenFolders.of(folders)
    judge = Judge(build_perceptual(perceptual))
    truths = None if folders.gt_images is None else GroundTruths(folders.gt_images, paths)
    images = []
    for path in tqdm(paths, 'score', unit='image'):
        try:
            check_usable(path)
            images.append(score_files(found, path, judge, truths, p, margin))
        except ImageError as error:
            logger.warning('skipped: %s', error)
            images.append(ImageScores(shown_name(path), error=str(error)))
    names = set(map(image_name, paths))
    unscored = [shown_name(path) for path in collect_images(folders.pred, recursive)
                if image_name(path) not in names]
    if unscored:
        logger.warning('%s: %d masks have no partner in %s and were not scored: %s', folders.pred,
                       len(unscored), folders.reference, name_some(unscored))
    return FolderScores(p, margin, images, folders, unscored, judge.describe())


def check_options(p: float, margin: int) -> None:
    """Check the options of :func:`mmdesra.ops.score_mask` before any image is read.

    Raises:
        InputError: If one of them is out of range.
    """
    if not 0 < p <= 1:
        raise InputError(f'expected p in (0, 1], got {p}')
    if margin < 0:
        raise InputError(f'expected a margin of at least 0 px, got {margin}')
