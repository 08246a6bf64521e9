"""One model of the authors' data, judged by its human masks as the released scripts do."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..detectors import detect_image
from ..files import ImageError, read_image
from ..files.image_path import name_some
from ..generators import Pair
from ..ops import MARGIN
from ..ops.scores import COVERAGE
from ..segmentors import LabelSource
from .authors_folder import AuthorsModel, TunedModel
from .authors_images import ImageTree, Key
from .authors_names import Role
from .authors_sources import (
    AuthorsLabels,
    AuthorsMasks,
    AuthorsPairs,
    RememberedLabels,
    in_frame,
    paths_of,
    read_framed,
    read_two_valued,
)
from .detector_comparison import compare_detectors
from .image_scores import ImageScores, score_image
from .image_sums import Before, Known
from .judge import Judge
from .mask_scores import SetScores
from .standings import Contestant, DetectorComparison

logger = logging.getLogger('mmdesra')

JUDGE = Judge()
"""Never asked: the authors' data have no ground truths to compare with."""

Keys = Mapping[str, Key]


@dataclass(frozen=True)
class TunedScores:
    """A fine-tuned model beside the model that it was made from, on the images of both.

    Attributes:
        name (str): As its folder is called.
        ours (SetScores, optional): By our masks: after and before against the human ones, what
            was removed and added, the detail kept. None without MSE-SR images.
        stored (SetScores, optional): By stored masks, if there are some of both.
    """
    name: str
    ours: SetScores | None = None
    stored: SetScores | None = None


@dataclass(frozen=True)
class ModelScores:
    """How a model's stored masks, ours and those of the rivals agree with the human ones.

    Attributes:
        model (AuthorsModel): The model.
        stored (SetScores, optional): The stored masks; None without them.
        comparison (DetectorComparison, optional): The detectors; None without SR images.
        tuned (list[TunedScores]): Its fine-tuned models.
        left_out (list[str]): What was left out, and why.
    """
    model: AuthorsModel
    stored: SetScores | None = None
    comparison: DetectorComparison | None = None
    tuned: list[TunedScores] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TunedImage:
    """An image before and after fine-tuning.

    Attributes:
        name (str): Of the image.
        key (Key): Where it lies.
        before (Pair): GAN-SR before, and MSE-SR.
        after (np.ndarray): GAN-SR after, uint8, shape ``(H, W, 3)``, RGB.
        mask_before (np.ndarray): What our detector marks in the one, bool, shape ``(H, W)``.
        mask_after (np.ndarray): What it marks in the other.
        human (np.ndarray): The human mask.
    """
    name: str
    key: Key
    before: Pair
    after: np.ndarray
    mask_before: np.ndarray
    mask_after: np.ndarray
    human: np.ndarray


def tuned_images(model: AuthorsModel, tuned: TunedModel, contestant: Contestant,
                 segmentor: LabelSource | None, names: Sequence[str]) -> Iterator[TunedImage]:
    """Detect once more on some images of a fine-tuned model, which were judged before.

    Args:
        model (AuthorsModel): The model.
        tuned (TunedModel): One of its fine-tuned models.
        contestant (Contestant): The detector.
        segmentor (LabelSource, optional): Label maps, where none are stored.
        names (Sequence[str]): Of the images.
    """
    judge = _Judge(model, [contestant], segmentor)
    for name in names:
        yield judge.tuned_image(tuned, Path(f'{name}.png'), judge.keys[name])


def score_model(model: AuthorsModel, contestants: Sequence[Contestant],
                segmentor: LabelSource | None = None,
                masks_dir: str | Path | None = None) -> ModelScores:
    """Judge all that there is of a model.

    Human and detected masks are compared without a frame of 5 px; IoU is the mean over the
    images, precision and recall count regions of all of them, with p = 0.5. What cannot be used
    is reported and left out.

    Args:
        model (AuthorsModel): The model.
        contestants (Sequence[Contestant]): The detectors; the first one finds the masks before
            and after fine-tuning.
        segmentor (LabelSource, optional): Label maps, where none are stored.
        masks_dir (str | Path, optional): Where to write each detector's masks.

    Raises:
        InputError: As :func:`mmdesra.evaluation.detector_comparison.compare_detectors`.
        OSError: If ``masks_dir`` cannot be written.
    """
    return _Judge(model, contestants, segmentor).scores(masks_dir)


class _Judge:
    def __init__(self, model: AuthorsModel, contestants: Sequence[Contestant],
                 segmentor: LabelSource | None) -> None:
        self.model, self.trees = model, model.trees
        self.contestants = contestants
        self.segmentor = None if segmentor is None else RememberedLabels(segmentor)
        self.human = model.trees[Role.HUMAN]
        self.keys = self.human.sample_names()
        self.left_out: list[str] = []

    def scores(self, masks_dir: str | Path | None) -> ModelScores:
        for role, tree in self.trees.items():
            if role in (Role.GAN, Role.MSE, Role.STORED):
                self._tell_unmatched(role, tree)
        stored = self._score_stored()
        comparison = self._compare(masks_dir)
        tuned = [self._score_tuned(one) for one in self.model.tuned]
        return ModelScores(self.model, stored, comparison, tuned, self.left_out)

    def _score_stored(self) -> SetScores | None:
        if Role.STORED not in self.trees:
            return None
        keys = self._keys_in(self.trees[Role.STORED], 'stored mask')
        return self._score_each(f'{self.model.place}: stored masks', keys, self._score_one_stored)

    def _score_one_stored(self, path: Path, key: Key) -> ImageScores:
        mask, human = self._masks([self.trees[Role.STORED]], key)
        return score_image(path, mask, None, Known(human), JUDGE, COVERAGE, MARGIN)

    def _compare(self, masks_dir: str | Path | None) -> DetectorComparison | None:
        missing = [role.value for role in (Role.GAN, Role.MSE) if role not in self.trees]
        if missing:
            self._leave_out(f'{self.model.place}: has no {" and no ".join(missing)}; '
                            'no detector can be run')
            return None
        keys = self._keys_in(self.trees[Role.GAN], 'GAN-SR image')
        keys = self._keys_in(self.trees[Role.MSE], 'MSE-SR image', keys)
        if not keys:
            return None
        comparison = compare_detectors(
            AuthorsPairs(keys, self.trees[Role.GAN], self.trees[Role.MSE]), self.contestants,
            AuthorsMasks(keys, self.human), self._labels(self.trees), COVERAGE, MARGIN, masks_dir)
        self.left_out += [message for message in comparison.skipped.values()  # told there
                          if message not in self.left_out]
        return comparison

    def _score_tuned(self, tuned: TunedModel) -> TunedScores:
        ours = stored = None
        if {Role.GAN, Role.MSE} <= self.trees.keys():
            keys = self._keys_in(tuned.trees[Role.GAN], f'result of {tuned.name}')
            keys = {name: key for name, key in keys.items()
                    if self._has(self.trees[Role.GAN], key) and self._has(
                        self.trees[Role.MSE], key)}  # those without were told of
            ours = self._score_each(
                f'{self.model.place}: {tuned.name}', keys,
                lambda path, key: self._score_one_tuned(tuned, path, key))
        if Role.STORED in tuned.trees and Role.STORED in self.trees:
            keys = self._keys_in(tuned.trees[Role.STORED], f'stored mask of {tuned.name}')
            keys = {name: key for name, key in keys.items()
                    if self._has(self.trees[Role.STORED], key)}
            stored = self._score_each(
                f'{self.model.place}: stored masks of {tuned.name}', keys,
                lambda path, key: self._score_one_stored_tuned(tuned, path, key))
        return TunedScores(tuned.name, ours, stored)

    def _score_one_tuned(self, tuned: TunedModel, path: Path, key: Key) -> ImageScores:
        image = self.tuned_image(tuned, path, key)
        facts = Known(image.human, Before(image.mask_before, image.before.gan), image.before.mse)
        return score_image(path, image.mask_after, image.after, facts, JUDGE, COVERAGE, MARGIN)

    def tuned_image(self, tuned: TunedModel, path: Path, key: Key) -> TunedImage:
        mse_path, after_path = self.trees[Role.MSE].find(key), tuned.trees[Role.GAN].find(key)
        before = AuthorsPairs(self.keys, self.trees[Role.GAN], self.trees[Role.MSE]).load(path)
        after = read_image(after_path)
        if after.shape != before.mse.shape:
            raise ImageError(f'{after_path}: expected the size of {mse_path}, got another')
        detector = self.contestants[0].detector
        after_labels = self._labels({**self.trees, **tuned.trees})
        mask_before = detect_image(detector, before.gan, before.mse, path,
                                   self._labels(self.trees)).mask
        mask_after = detect_image(detector, after, before.mse, path, after_labels).mask
        human = read_framed(self.human.find(key), after.shape[:2])
        return TunedImage(path.stem, key, before, after, mask_before, mask_after, human)

    def _score_one_stored_tuned(self, tuned: TunedModel, path: Path, key: Key) -> ImageScores:
        before, after, human = self._masks(
            [self.trees[Role.STORED], tuned.trees[Role.STORED]], key)
        return score_image(path, after, None, Known(human, Before(before)), JUDGE, COVERAGE,
                           MARGIN)

    def _masks(self, trees: Sequence[ImageTree], key: Key) -> list[np.ndarray]:
        """The masks of an image in some trees, then the human one, all of its size."""
        paths = [tree.find(key) for tree in (*trees, self.human)]
        masks = [read_two_valued(path) for path in paths]
        size = max(mask.shape for mask in masks)
        smaller = tuple(side - 2 * MARGIN for side in size)
        if {mask.shape for mask in masks} != {size, smaller} and Role.GAN in self.trees:
            # Either all masks have the 5 px frame or none has; only the image would tell which.
            size = read_image(self.trees[Role.GAN].find(key)).shape[:2]
        return [in_frame(mask, size, path) for mask, path in zip(masks, paths)]

    def _labels(self, trees: Mapping[Role, ImageTree]) -> LabelSource | None:
        if not self.contestants[0].detector.uses_labels:
            return None
        if Role.LABELS in trees:
            return AuthorsLabels(self.keys, trees[Role.LABELS])
        return self.segmentor

    def _score_each(self, title: str, keys: Keys,
                    score: Callable[[Path, Key], ImageScores]) -> SetScores:
        images = []
        for path, key in zip(tqdm(paths_of(keys), title, unit='image'), keys.values()):
            try:
                images.append(score(path, key))
            except ImageError as error:
                self._leave_out(str(error))
                images.append(ImageScores(path.name, error=str(error)))
        return SetScores(COVERAGE, MARGIN, images)

    def _keys_in(self, tree: ImageTree, what: str, keys: Keys | None = None) -> dict[str, Key]:
        """Those of the images that a tree holds; the others are reported."""
        keys = self.keys if keys is None else keys
        found: dict[str, Key] = {}
        errors: list[str] = []
        taken: dict[Path, str] = {}
        for name, key in keys.items():
            try:
                path = tree.find(key)
                found[name] = key
            except ImageError as error:
                errors.append(str(error))
                continue
            other = taken.setdefault(path, name)
            if other != name:
                errors.append(f'{path}: may belong to {other} as well as to {name}')
                found.pop(other, None)
                del found[name]
        if errors:
            names = [name for name in keys if name not in found]
            self._leave_out(f'{self.model.place}: {len(names)} of {len(keys)} images have no '
                            f'{what}: {name_some(names)} ({errors[0]})')
        return found

    def _tell_unmatched(self, role: Role, tree: ImageTree) -> None:
        used = {tree.find(key) for key in self.keys.values() if self._has(tree, key)}
        rest = [path.name for path in tree.images.values() if path not in used]
        if rest:
            self._leave_out(f'{tree.folder}: {len(rest)} {role.value} have no human mask: '
                            f'{name_some(rest)}')

    @staticmethod
    def _has(tree: ImageTree, key: Key) -> bool:
        try:
            return bool(tree.find(key))
        except ImageError:
            return False

    def _leave_out(self, message: str) -> None:
        if message not in self.left_out:  # one file may be missing in several tables
            logger.warning('left out: %s', message)
            self.left_out.append(message)
