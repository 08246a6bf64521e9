"""The authors' data as pairs, masks and label maps; images go by the names of the human masks."""
from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..files import ImageError, read_image, read_mask, size_of
from ..generators import Pair, PairSource
from ..ops import MARGIN
from ..segmentors import LabelSource
from ..segmentors.label_folder import read_label_map
from .authors_images import ImageTree, Key
from .mask_source import MaskSource

NEAR = 16
"""Deviation in grey levels from the two values of a mask, by lossy files or soft brushes."""

MAX_BETWEEN = 0.05
"""Share of pixels between the two values that a mask may have; in a photograph it is near 1."""


class AuthorsPairs(PairSource):
    """GAN-SR and MSE-SR images.

    Args:
        keys (Mapping[str, Key]): Name of each image to where it lies.
        gan (ImageTree): GAN-SR images.
        mse (ImageTree): MSE-SR images.
    """

    def __init__(self, keys: Mapping[str, Key], gan: ImageTree, mse: ImageTree) -> None:
        self.paths = paths_of(keys)
        self._keys, self._gan, self._mse = keys, gan, mse

    @property
    def files(self) -> list[Path]:
        """list[Path]: See :attr:`PairSource.files`."""
        return [*self._gan.images.values(), *self._mse.images.values()]

    def files_of(self, path: Path) -> list[Path]:
        """See :meth:`PairSource.files_of`."""
        key = self._keys[path.stem]
        return [self._gan.find(key), self._mse.find(key)]

    def read(self, path: Path) -> Pair:
        """See :meth:`PairSource.read`."""
        gan_path, mse_path = self.files_of(path)
        pair = Pair(read_image(gan_path), read_image(mse_path))
        if pair.gan.shape != pair.mse.shape:
            raise ImageError(f'{gan_path}: expected the size of {mse_path}, {size_of(pair.mse)}, '
                             f'got {size_of(pair.gan)}')
        return pair

    def make(self, path: Path, files: Pair) -> Pair:
        """See :meth:`PairSource.make`."""
        return files


class AuthorsMasks(MaskSource):
    """Human masks, brought to the size of the SR images.

    Args:
        keys (Mapping[str, Key]): Name of each image to where it lies.
        human (ImageTree): The masks.
    """

    def __init__(self, keys: Mapping[str, Key], human: ImageTree) -> None:
        self.paths = paths_of(keys)
        self.folder = human.folder
        self._keys, self._human = keys, human

    def read(self, path: Path, image: np.ndarray) -> np.ndarray:
        """See :meth:`MaskSource.read`."""
        return read_framed(self._human.find(self._keys[path.stem]), image.shape[:2])


class AuthorsLabels(LabelSource):
    """Stored label maps, as the released script leaves them in ``seg``.

    Args:
        keys (Mapping[str, Key]): Name of each image to where it lies.
        labels (ImageTree): The label maps.
    """
    is_dear = False

    def __init__(self, keys: Mapping[str, Key], labels: ImageTree) -> None:
        self._keys, self._labels = keys, labels

    def label(self, images: Sequence[np.ndarray], paths: Sequence[Path]) -> list[np.ndarray]:
        """See :meth:`LabelSource.label`."""
        return [read_label_map(self.stored_file(path), image)
                for image, path in zip(images, paths)]

    def stored_file(self, path: Path) -> Path:
        """See :meth:`LabelSource.stored_file`."""
        return self._labels.find(self._keys[path.stem])

    def describe(self) -> dict:
        """See :meth:`LabelSource.describe`."""
        return dict(type=type(self).__name__)


class RememberedLabels(LabelSource):
    """Keeps the label map of each image, because making one is slow and it is needed twice.

    Args:
        source (LabelSource): Makes them.
    """

    def __init__(self, source: LabelSource) -> None:
        self._source = source
        self._known: dict[bytes, tuple[bytes, np.dtype]] = {}

    def label(self, images: Sequence[np.ndarray], paths: Sequence[Path]) -> list[np.ndarray]:
        """See :meth:`LabelSource.label`."""
        return [self._label_one(image, path) for image, path in zip(images, paths)]

    def describe(self) -> dict:
        """See :meth:`LabelSource.describe`."""
        return self._source.describe()

    def _label_one(self, image: np.ndarray, path: Path) -> np.ndarray:
        digest = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
        if digest not in self._known:
            label_map, = self._source.label([image], [path])
            packed = zlib.compress(label_map.tobytes(), 1)  # to a hundredth
            self._known[digest] = packed, label_map.dtype
        packed, dtype = self._known[digest]
        return np.frombuffer(zlib.decompress(packed), dtype).reshape(image.shape[:2])


def paths_of(keys: Mapping[str, Key]) -> list[Path]:
    """Return a path for each image whose stem is the image's name."""
    return [Path(f'{name}.png') for name in keys]


def read_framed(path: Path, size: tuple[int, ...]) -> np.ndarray:
    """Read a mask of an image's size, or 5 px smaller on each side as the release writes them.

    Args:
        path (Path): The mask.
        size (tuple[int, int]): Height and width of the image.

    Returns:
        np.ndarray: bool, of that size; nothing is marked in a frame that was missing.

    Raises:
        ImageError: If it has another size, or is no mask.
    """
    return in_frame(read_two_valued(path), size, path)


def read_two_valued(path: Path) -> np.ndarray:
    """Read a mask, bool, shape ``(H, W)``; a photograph (of a folder ``GT``) is refused.

    Raises:
        ImageError: If it cannot be read, or is no mask.
    """
    brightest = read_image(path).max(axis=2)
    between = ((brightest > NEAR) & (brightest < int(brightest.max()) - NEAR)).mean()
    if between > MAX_BETWEEN:
        raise ImageError(f'{path}: expected a mask of two values, got a picture: {between:.0%} of '
                         'its pixels lie between the darkest and the brightest')
    return read_mask(path)


def in_frame(mask: np.ndarray, size: tuple[int, ...], path: Path) -> np.ndarray:
    """Put the 5 px back on each side that the released masks lack; others stay as they are.

    Args:
        mask (np.ndarray): bool, shape ``(H, W)``.
        size (tuple[int, int]): Height and width of the image.
        path (Path): For the message.

    Raises:
        ImageError: If the mask is neither of that size nor 5 px smaller on each side.
    """
    if mask.shape == tuple(side - 2 * MARGIN for side in size):
        mask = np.pad(mask, MARGIN)
    if mask.shape != tuple(size):
        raise ImageError(f'{path}: expected a mask of {size[1]}x{size[0]} as its image, or '
                         f'{MARGIN} px smaller on each side, got {size_of(mask)}')
    return mask
