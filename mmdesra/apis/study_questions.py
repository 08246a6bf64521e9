"""Making the questions of a user study from folders of images."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import (
    ImageError,
    ImageFolder,
    collect_images,
    image_name,
    read_image,
    read_mask,
    size_of,
)
from ..files.decoding import check_usable
from ..visualization.crop import crop_around
from ..visualization.study import StudyQuestion, pair_name

logger = logging.getLogger('mmdesra')

FEWER_ARTIFACTS = 'Which picture has fewer artifacts?'
MORE_DETAIL = 'Which picture has more detail?'
PREFERENCE = 'Which picture do you prefer?'
CROP_SIDE = 320

HELDOUT_PAIRS = {'before': ('gan_after', 'gan_before', FEWER_ARTIFACTS),
                 'mse': ('gan_after', 'mse', MORE_DETAIL)}
"""By what the result of fine-tuning is compared with: the two folders of WORK_DIR/heldout, and the
question."""
HELDOUT_MASKS = 'mask_before'
HELDOUT_NAMES = dict(gan_after='after', gan_before='before', mse='MSE-SR')


@dataclass(frozen=True)
class StudyPair:
    """Two folders of versions of the same images.

    Args:
        versions: The versions' names in the answers.
        folders: Their folders; images are matched by file stem.
        text: The question.
    """
    versions: tuple[str, str]
    folders: tuple[Path, Path]
    text: str = PREFERENCE

    @property
    def name(self) -> str:
        """Name of the pair in the answers."""
        return pair_name(*self.versions)


@dataclass(frozen=True)
class StudyQuestions:
    """The questions of a study, and the images left out.

    Attributes:
        questions: The questions, in the order of the pairs and their images.
        clean: Images without an artifact region, which are left out.
        skipped: The reason for each image that could not be used, by pair and name.
    """
    questions: list[StudyQuestion] = field(default_factory=list)
    clean: list[str] = field(default_factory=list)
    skipped: dict[tuple[str, str], str] = field(default_factory=dict)


def heldout_pairs(folder: str | Path, compare: Sequence[str] = tuple(HELDOUT_PAIRS)
                  ) -> list[StudyPair]:
    """Return the pairs of versions among the held-out images of :class:`DeSRAFinetuneHook`.

    Args:
        folder: ``WORK_DIR/heldout``.
        compare: Keys of :data:`HELDOUT_PAIRS`: what the result of fine-tuning is compared with.

    Raises:
        InputError: If the folder lacks one of the versions.
    """
    folder = Path(folder)
    for name in (*HELDOUT_NAMES, HELDOUT_MASKS):
        if not (folder / name).is_dir():
            raise InputError(f'{folder}: expected WORK_DIR/heldout of a training run, with '
                             f'{name}/ in it; for other folders use --pair')
    pairs = [HELDOUT_PAIRS[other] for other in compare]
    return [StudyPair((HELDOUT_NAMES[a], HELDOUT_NAMES[b]), (folder / a, folder / b), text)
            for a, b, text in pairs]


def parse_pair(words: Sequence[str]) -> StudyPair:
    """Read a pair from ``[NAME=]DIR [NAME=]DIR [QUESTION]``; NAME defaults to the folder's name.

    Raises:
        InputError: If the words are something else, or both names are equal.
    """
    if len(words) not in (2, 3):
        raise InputError(f'pair {" ".join(words)!r}: expected two folders and, if you like, a '
                         f'question in quotes, got {len(words)} words')
    (a, folder_a), (b, folder_b) = map(_named_folder, words[:2])
    if a == b:
        raise InputError(f'pair {a!r}, {b!r}: expected two different names; name the '
                         f'versions, as in before={folder_a} after={folder_b}')
    return StudyPair((a, b), (folder_a, folder_b), *words[2:])


def _named_folder(word: str) -> tuple[str, Path]:
    name, separator, folder = word.partition('=')
    if separator and name and not set(name) & set('/\\'):
        return name, Path(folder)
    return Path(word).resolve().name, Path(word)


def read_questions(pairs: Sequence[StudyPair], masks: str | Path | None = None,
                   crop: int = CROP_SIDE, max_images: int | None = None,
                   seed: int = 0, recursive: bool = False) -> StudyQuestions:
    """Read the images of pairs; an image that cannot be used is logged and skipped.

    Args:
        pairs: The pairs; every image of a pair's first folder is read.
        masks: Folder of masks, 0/255. Images without a region are then left out, and the others
            are cut around their largest region. None: all images, whole.
        crop: Side of the cut in px; 0 = whole images. A smaller image is not cut.
        max_images: Ask about at most this many images of a pair, chosen at random.
        seed: Seed of this choice; for pairs with the same images it is the same.
        recursive: Whether to read the sub-folders of the first folders, too; the other folders
            must have sub-folders with the same names.

    Raises:
        InputError: If two pairs have the same name.
        ImageError: If a folder holds no image.
    """
    names = [pair.name for pair in pairs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f'pair {name!r}: is there twice; give the versions other names')
    result = StudyQuestions()
    known_masks = None if masks is None else ImageFolder.checked(masks)
    for pair in pairs:
        _read_pair(pair, known_masks, crop, max_images, seed, recursive, result)
    return result


def _read_pair(pair: StudyPair, masks: ImageFolder | None, crop: int, max_images: int | None,
               seed: int, recursive: bool, result: StudyQuestions) -> None:
    paths = collect_images(pair.folders[0], recursive)
    others = ImageFolder.checked(pair.folders[1])  # one error if the folder is missing
    order = np.random.default_rng(seed).permutation(len(paths))
    found: dict[int, StudyQuestion] = {}
    for index in order.tolist():
        if max_images is not None and len(found) == max_images:
            break
        path = paths[index]
        try:
            question = _read_question(pair, path, others, masks, crop)
        except ImageError as error:
            logger.warning('skipped: %s', error)
            result.skipped[pair.name, image_name(path)] = str(error)
            continue
        if question is not None:
            found[index] = question
        elif image_name(path) not in result.clean:
            result.clean.append(image_name(path))
    result.questions.extend(found[index] for index in sorted(found))


def _read_question(pair: StudyPair, path: Path, others: ImageFolder, masks: ImageFolder | None,
                   crop: int) -> StudyQuestion | None:
    """Read an image's two versions; None if its mask has no region."""
    check_usable(path)
    mask = None
    if masks is not None:
        mask_path = masks.find(image_name(path))
        mask = read_mask(mask_path)
        if not mask.any():
            return None
    other = others.find(image_name(path))
    a, b = read_image(path), read_image(other)
    for what, image in ((other, b), *([] if mask is None else [(mask_path, mask)])):
        if image.shape[:2] != a.shape[:2]:
            raise ImageError(f'{what}: expected the size of {path}, {size_of(a)}, '
                             f'got {size_of(image)}')
    if mask is not None and crop:
        window = crop_around(mask, crop)
        a, b = (np.ascontiguousarray(image[window]) for image in (a, b))
    return StudyQuestion(image_name(path), pair.versions, (a, b), pair.text)
