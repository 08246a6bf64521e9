"""Finding the image that belongs to another one, by name."""
from __future__ import annotations

import os
from pathlib import Path

from .decoding import ImageError, check_usable
from .image_path import composed, image_name, stem_of
from .left_out import broken_link
from .listing import (
    ImageInputs,
    holds_image,
    images_below,
    is_image_name,
    list_images,
    list_inputs,
)
from .walk import answers

_SubFolder = dict[str, list[str]]
"""The names of files or folders as written on disk, by the key that they are looked up by."""


class ImageFolder:
    """A folder of images that belong to other images: masks, label maps, ground truths.

    An image is found by the name of the one it belongs to (``a``, ``sub/a``, see
    :func:`mmdesra.files.image_path.image_name`), in any Unicode form. A folder is listed once,
    when the first image is looked for.

    Args:
        folder (str | Path): The folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._listed: dict[str, tuple[_SubFolder, _SubFolder, int]] = {}

    @classmethod
    def checked(cls, inputs: ImageInputs) -> ImageFolder:
        """Return the images of a folder, with its sub-folders, or of files and patterns.

        Raises:
            ImageError: If there is no image.
        """
        if not isinstance(inputs, (str, Path)) or not Path(inputs).is_dir():
            return _NamedImages(inputs)
        if not holds_image(Path(inputs)):
            list_images(inputs)  # says what is wrong
        return cls(inputs)

    def paths(self) -> list[Path]:
        """Return all images, sorted by name, those in sub-folders included."""
        return [self.folder / inside for inside in images_below(self.folder)]

    def find(self, name: str) -> Path:
        """Return the image with a name.

        Raises:
            ImageError: If there is none, or if there are several.
        """
        path, _, stem = name.rpartition('/')
        place = self._sub_folder(path)
        key = composed(stem)
        files = [] if place is None else self._files(place, key)
        images = [file for file in files if is_image_name(file)]
        if len(images) > 1:
            raise ImageError(f'{self.folder}: holds several images named {name!r}: '
                             f'{", ".join(images)}; rename one')
        if place is None or not images:
            others = [file for file in files if not is_image_name(file)]
            raise ImageError(f'{self.folder}: holds no image named {name!r} (matched by file '
                             f'stem){_not_read(others)}')
        found = self.folder / place / images[0]
        if found.is_symlink() and not found.exists():
            raise ImageError(broken_link(found))
        return found

    def has(self, name: str) -> bool:
        """Whether there are one or more images with a name."""
        path, _, stem = name.rpartition('/')
        place = self._sub_folder(path)
        return place is not None and any(map(is_image_name, self._files(place, composed(stem))))

    def _sub_folder(self, path: str) -> str | None:
        """Return a sub-folder in the Unicode form that it has on disk; None if there is none."""
        place = ''
        for part in filter(None, path.split('/')):
            found = self._list(place)[1].get(composed(part))
            if not found:
                return None
            place = f'{place}/{found[0]}' if place else found[0]
        return place

    def _files(self, place: str, key: str) -> list[str]:
        files, _, listed_at = self._list(place)
        if key not in files and listed_at != self._changed_at(place):  # it may be new
            del self._listed[place]
            files = self._list(place)[0]
        return files.get(key, [])

    def _changed_at(self, place: str) -> int:
        try:
            return (self.folder / place).stat().st_mtime_ns
        except OSError:
            return -1

    def _list(self, place: str) -> tuple[_SubFolder, _SubFolder, int]:
        if place not in self._listed:
            files: _SubFolder = {}
            folders: _SubFolder = {}
            changed_at = self._changed_at(place)
            try:
                entries = sorted(os.scandir(self.folder / place), key=lambda entry: entry.name)
            except OSError:
                entries = []
            for entry in entries:
                name = entry.name
                if name.startswith('.'):
                    continue
                if answers(entry.is_dir):
                    folders.setdefault(composed(name), []).append(name)
                else:
                    files.setdefault(composed(stem_of(name)), []).append(name)
            self._listed[place] = files, folders, changed_at
        return self._listed[place]


class _NamedImages(ImageFolder):
    """Images named by files, patterns or several folders."""

    def __init__(self, inputs: ImageInputs) -> None:
        listing = list_inputs(inputs)
        super().__init__(listing.root)
        entries = [inputs] if isinstance(inputs, (str, Path)) else inputs
        self._what = ', '.join(map(str, entries))
        self._paths = {image_name(path): path for path in listing.paths}

    def paths(self) -> list[Path]:
        return list(self._paths.values())

    def find(self, name: str) -> Path:
        path = self._paths.get(composed(name))
        if path is None:
            raise ImageError(f'{self._what}: holds no image named {name!r} (matched by file stem)')
        check_usable(path)
        return path

    def has(self, name: str) -> bool:
        return composed(name) in self._paths


def _not_read(files: list[str]) -> str:
    if not files:
        return ''
    suffix = Path(files[0]).suffix
    return f'; {files[0]} is there, but ' + (
        f'{suffix} is not read' if suffix else 'no suffix says what it is')
