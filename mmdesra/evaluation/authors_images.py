"""The images of one folder of the authors' data, its subfolders included, found by name."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..files import ImageError

Key = tuple[str, ...]
"""Of an image: the subfolders that it lies in, then its file stem."""


@dataclass(frozen=True)
class ImageTree:
    """The images below a folder.

    Attributes:
        folder (Path): The folder.
        images (Mapping): Key to file, in order.
    """
    folder: Path
    images: Mapping[Key, Path]

    def find(self, key: Key) -> Path:
        """Return the image that belongs to one of another folder.

        Subfolders need not be the same: one of the two folders may have more of them, such as
        the ``sr`` into which the released script wants images moved. Where several images have
        the stem, the subfolders must decide.

        Raises:
            ImageError: If there is none, or more than one could be meant.
        """
        if key in self.images:
            return self.images[key]
        fitting = [other for other in self.images if _fit(key, other)]
        if len(fitting) == 1:
            return self.images[fitting[0]]
        name = '/'.join(key)
        if fitting:
            raise ImageError(f'{self.folder}: holds several images that {name!r} may stand for: '
                             f'{", ".join("/".join(other) for other in fitting[:5])}')
        example = next(iter(self.images.values())).relative_to(self.folder)
        raise ImageError(f'{self.folder}: holds no image named {name!r} (matched by file stem; '
                         f'one that it holds is {example})')

    def sample_names(self) -> dict[str, Key]:
        """Return a name for the results of each image, and the image's key.

        The stem or, where several have it, the subfolders and the stem.
        """
        stems = [key[-1] for key in self.images]
        names = {key[-1] if stems.count(key[-1]) == 1 else '__'.join(key): key
                 for key in self.images}
        if len(names) < len(self.images):
            raise ImageError(f'{self.folder}: subfolders and files have names of which results '
                             'cannot be told apart; rename those with a double underscore')
        return names


def _fit(one: Key, other: Key) -> bool:
    """Whether two keys end alike, as far as the shorter one goes."""
    length = min(len(one), len(other))
    return one[-length:] == other[-length:]
