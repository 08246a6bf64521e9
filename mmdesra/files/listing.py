"""Listing the images that files, folders and patterns name."""
from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

from .image_path import ImagePath, composed, image_name, name_of_file
from .images import IMAGE_SUFFIXES, ImageError
from .left_out import SYSTEM_FOLDERS, LeftOut, broken_link, say_once
from .patterns import before_pattern, files_below, matches
from .walk import answers, walk

ImageInputs = Union[str, Path, Sequence[Union[str, Path]]]
"""A folder of images, an image file, a pattern such as ``'photos/**/*.jpg'``, or several."""

MAX_ENTRIES_BELOW = 20_000
"""Entries of sub-folders that are looked at, at most, to count the images that are not read."""


@dataclass(frozen=True)
class Listing:
    """The images that were found, and what was left out.

    Attributes:
        paths (list[Path]): The images. Those that cannot be used (a broken link, two with one
            :func:`image_name`) are among them and raise an error when they are read, so that
            they are reported like damaged images.
        root (Path): The folder that all images are in, perhaps in sub-folders.
        left_out (list[str]): What was left out, a sentence for each folder.
        open_ended (list[Path]): Folders that were read with all sub-folders. Results must not be
            written into these: the next run would read them as images.
    """
    paths: list[Path]
    root: Path
    left_out: list[str] = field(default_factory=list)
    open_ended: list[Path] = field(default_factory=list)


@dataclass
class _Part:
    """The files that one of the inputs names, by their places below a folder."""
    root: Path
    found: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    left_out: LeftOut = field(default_factory=LeftOut)
    is_open_ended: bool = False


def list_images(folder: str | Path, recursive: bool = False) -> list[Path]:
    """Return the image files of a folder, sorted by name.

    What is left out is logged once, as a warning. Results are named by an image's name without
    its suffix, so ``a.jpg`` would overwrite the results of ``a.png``: both are returned, but
    raise an :class:`ImageError` when they are read. So do broken links.

    Args:
        folder (str | Path): The folder.
        recursive (bool): Whether to read sub-folders, too; their images are named ``sub/a``.

    Raises:
        ImageError: If the folder does not exist, or holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ImageError(f'{folder}: expected a folder of images, found '
                         f'{"a file" if folder.exists() else "nothing"}')
    return list_inputs(folder, recursive).paths


def collect_images(inputs: ImageInputs, recursive: bool = False) -> list[Path]:
    """Return the images that files, folders and patterns name, see :func:`list_inputs`."""
    return list_inputs(inputs, recursive).paths


def list_inputs(inputs: ImageInputs, recursive: bool = False) -> Listing:
    """List the images that files, folders and patterns name, in the order given.

    An image is named by its file without the suffix, ``a``. Images from sub-folders, which
    ``recursive`` or a pattern reads, are named ``sub/a``. If several inputs hold images with the
    same name, all are named by their places below the folder that they have in common.

    Args:
        inputs (str | Path | Sequence): See :data:`ImageInputs`.
        recursive (bool): Whether to read the sub-folders of folders, too.

    Raises:
        ImageError: If one of the inputs names no image.
    """
    entries = [inputs] if isinstance(inputs, (str, Path)) else list(inputs)
    parts = [_list(Path(entry), recursive, len(entries) > 1) for entry in entries]
    if not parts:
        raise ImageError('expected an image file or a folder of images, got none')
    left_out: dict[Path, LeftOut] = {}
    for part in parts:
        left_out.setdefault(part.root, LeftOut()).take(part.left_out)
    sentences = [f'{root}: {those}' for root, those in left_out.items() if str(those)]
    if not any(part.found for part in parts):
        raise ImageError('; '.join(sentences) or 'expected images, got none')
    for sentence in sentences:
        say_once(sentence)
    root, placed = _place(parts)
    return Listing(_named(placed), root, sentences,
                   [part.root for part in parts if part.is_open_ended])


def _list(entry: Path, recursive: bool, is_one_of_several: bool) -> _Part:
    """List one of the inputs.

    If there are several, one of them need not be an image: a shell may have expanded a pattern.
    """
    if entry.is_dir():
        part = _list_folder(entry, recursive)
        if not part.found and not is_one_of_several:
            left_out = str(part.left_out)
            raise ImageError(f'{entry}: holds no image ({", ".join(IMAGE_SUFFIXES)})'
                             + f'; {left_out}' * bool(left_out))
        part.left_out.is_empty = not part.found
        return part
    if not os.path.lexists(entry):
        root = before_pattern(entry)
        if root != entry:
            return _list_pattern(entry, root, recursive)
        raise ImageError(f'{entry}: expected a folder of images, or an image, found nothing')
    part = _Part(entry.parent)
    _sort_in(part, entry.name)
    if part.found or (is_one_of_several and entry.is_file()):
        return part
    raise ImageError(f'{entry}: expected a folder of images, or an image '
                     f'({", ".join(IMAGE_SUFFIXES)}), found another file')


def _list_folder(folder: Path, recursive: bool) -> _Part:
    part = _Part(folder, is_open_ended=recursive)
    below = []
    for inside, entry in walk(folder, [''], part.left_out if recursive else None):
        if answers(entry.is_dir):
            below.append(inside)
        elif not is_image_name(inside):
            part.left_out.add(inside)
        elif answers(entry.is_file):
            part.found.append(inside)
        elif entry.is_symlink():
            part.found.append(inside)
            part.broken.add(inside)
        else:
            part.left_out.special.append(inside)
    if recursive:
        part.found.sort(key=lambda inside: inside.split('/'))
    else:
        _count_below(folder, below, part.left_out)
    return part


def _count_below(folder: Path, places: Sequence[str], left_out: LeftOut) -> None:
    places = [place for place in places if place not in SYSTEM_FOLDERS]
    entries = walk(folder, places, LeftOut(), seen=[folder])
    for inside, _ in itertools.islice(entries, MAX_ENTRIES_BELOW):
        left_out.below += is_image_name(inside)
    left_out.is_counted = next(entries, None) is None


def _list_pattern(pattern: Path, root: Path, recursive: bool) -> _Part:
    inside = pattern.relative_to(root)
    part = _Part(root, is_open_ended=recursive or '**' in inside.parts)
    if '**' in inside.parts:
        for match in files_below(root, inside):
            _sort_in(part, match)
    else:
        for match in matches(root, inside):
            if not (root / match).is_dir():
                _sort_in(part, match)
                continue
            inner = _list_folder(root / match, recursive)  # as if it were given by name
            part.found += [f'{match}/{image}' for image in inner.found]
            part.broken |= {f'{match}/{image}' for image in inner.broken}
    if not part.found:
        left_out = str(part.left_out)
        raise ImageError(f'{pattern}: expected a pattern of image files '
                         f'({", ".join(IMAGE_SUFFIXES)}), found none that it fits'
                         + f'; {left_out}' * bool(left_out))
    return part


def _sort_in(part: _Part, inside: str) -> None:
    """Add a file if it is an image, and note it as left out if not."""
    path = part.root / inside
    if not is_image_name(inside):
        part.left_out.files.setdefault(path.suffix.lower(), []).append(inside)
    elif path.is_file():
        part.found.append(inside)
    elif path.is_symlink() and not path.exists():
        part.found.append(inside)
        part.broken.add(inside)
    else:
        part.left_out.special.append(inside)


def _place(parts: Sequence[_Part]) -> tuple[Path, dict[str, ImagePath]]:
    """Return the folder that all images have in common, and the images by absolute path."""
    placed: dict[str, ImagePath] = {}
    for part in parts:
        full_root = os.path.abspath(part.root)  # noqa: PTH100
        for inside in part.found:
            path = ImagePath.of(os.path.join(part.root, inside), inside)  # noqa: PTH118
            if inside in part.broken:
                path.refusal = broken_link(path)
            placed.setdefault(os.path.join(full_root, inside), path)  # noqa: PTH118
    roots = {os.path.abspath(part.root) for part in parts}  # noqa: PTH100
    if len(roots) == 1:
        return parts[0].root, placed
    common = os.path.commonpath(list(roots))
    if _share_a_name(placed):
        for full, image in placed.items():
            image.inside = Path(os.path.relpath(full, common)).as_posix()
    return Path(common), placed


def _share_a_name(placed: dict[str, ImagePath]) -> bool:
    """Whether images in different folders have the same name."""
    folders: dict[str, str] = {}
    return any(folders.setdefault(image_name(image), os.path.dirname(full))  # noqa: PTH120
               != os.path.dirname(full) for full, image in placed.items())  # noqa: PTH120


def _named(placed: dict[str, ImagePath]) -> list[Path]:
    """Return the images; those that share a name are marked as unusable."""
    same: dict[str, list[ImagePath]] = {}
    for image in placed.values():
        same.setdefault(image_name(image), []).append(image)
    for images in same.values():
        if len(images) > 1:
            for image in images:
                others = [other for other in images if other is not image]
                image.refusal = image.refusal or shares_name(image, others)
    return list(placed.values())


def shares_name(path: Path, others: Sequence[Path]) -> str:
    """Return the error for an image whose name other images have, too."""
    named = ', '.join(other.name if other.parent == path.parent else str(other)
                      for other in others)
    form = (' (it looks alike, but is written in two forms of Unicode)'
            if any(composed(other.stem) == composed(path.stem) and other.stem != path.stem
                   for other in others) else '')
    return (f'{path}: shares the stem {name_of_file(path.name)!r} with {named}{form}; results are '
            'named by the stem, rename one')


def holds_image(folder: Path) -> bool:
    """Whether a folder or one of its sub-folders holds an image."""
    return any(is_image_name(inside) for inside, _ in walk(folder, [''], LeftOut()))


def images_below(folder: Path) -> list[str]:
    """Return the images of a folder and its sub-folders by their places below it, sorted."""
    return _list_folder(folder, recursive=True).found


def is_image_name(name: str) -> bool:
    """Whether a file's suffix says that it is an image."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122  (speed)
