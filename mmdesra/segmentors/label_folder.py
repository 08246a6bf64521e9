"""Label maps that somebody made before and stored as images."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files import ImageError, ImageFolder, image_name, read_labels, size_of
from ..ops.semantics import IGNORE_LABEL
from .base import LabelSource
from .label_offset import LabelOffset, judge_offset


class LabelFolder(LabelSource):
    """Stored label maps, matched by file stem.

    Args:
        folder (str | Path): 8-bit single-channel images whose values are classes.
        label_offset (int, optional): The value that means class 0: 0, or 1 for maps like ADE20K's
            annotations, where 0 means none. Default: as far as the maps tell, see
            :func:`judge_offset`; else 0.
        num_classes (int, optional): Classes that there are, to judge it by.

    Raises:
        ImageError: If the folder does not exist or holds no image.
        InputError: If the maps contradict each other in what offset they have.
    """

    # Reading is cheap, and a file that is missing or does not fit is better known at once.
    is_dear = False

    def __init__(self, folder: str | Path, label_offset: int | None = None,
                 num_classes: int | None = None) -> None:
        self.folder = folder
        self._images = ImageFolder.checked(folder)
        self._num_classes = num_classes
        if label_offset is not None:
            self._offset = LabelOffset(label_offset)
        elif num_classes is not None and num_classes < IGNORE_LABEL:
            self._offset = judge_offset(Path(folder), self._images.paths(), num_classes)
        else:
            self._offset = LabelOffset()

    def label(self, images: Sequence[np.ndarray], paths: Sequence[Path]) -> list[np.ndarray]:
        """Read the label maps of files, uint8; see :meth:`LabelSource.label`."""
        return [self._classes(read_label_map(path, image), path) for image, path in
                zip(images, map(self.stored_file, paths))]

    def _classes(self, labels: np.ndarray, path: Path) -> np.ndarray:
        classes = self._offset.apply(labels, path)
        if self._num_classes is not None:
            unknown = (classes >= self._num_classes) & (classes != IGNORE_LABEL)
            if unknown.any():
                first = self._offset.value
                raise ImageError(
                    f'{path}: expected labels in [{first}, {first + self._num_classes - 1}] or '
                    f'{IGNORE_LABEL} (ignored), got {labels[unknown][0]}; give the class table '
                    'that the map was made for, or the right --label-offset')
        return classes

    def stored_file(self, path: Path) -> Path:
        """See :meth:`LabelSource.stored_file`."""
        return self._images.find(image_name(path))

    def describe(self) -> dict:
        """Return the kind and offset: a folder may move, and manifests tell files by hashes."""
        offset = self._offset.value
        return dict(type='LabelFolder', **dict(label_offset=offset) if offset else {})


def read_label_map(path: Path, image: np.ndarray) -> np.ndarray:
    """Read the stored label map of an image, uint8, shape ``(H, W)``.

    Raises:
        ImageError: If it is none, or not of the size of ``image``, shape ``(H, W, 3)``.
    """
    labels = read_labels(path)
    if labels.shape != image.shape[:2]:
        raise ImageError(f"{path}: expected a label map of the image's size "
                         f'{size_of(image)}, got {size_of(labels)}')
    return labels
