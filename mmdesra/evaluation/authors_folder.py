"""Which folders of the authors' data hold what: models, their images and masks.

The data that DeSRA's authors released has a folder for each model, with ``MSE-SR``, ``GAN-SR``,
``DeSRA-Mask``, ``LR`` and ``GT-Mask`` in it; see docs/authors_data.md for what is read besides.
"""
from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
from ..files import IMAGE_SUFFIXES, ImageError, list_images
from .authors_images import ImageTree
from .authors_names import (
    Role,
    base_of_tuned,
    is_known_model,
    is_only_tuned,
    may_be_masks,
    read_folder_name,
)
from .published import model_key

ARCHIVES = '.zip', '.rar', '.7z', '.tar', '.tgz', '.gz'
TABLE_WORD = 'threshold'
"""In the name of the class table that the authors released, a text file."""

UNNAMED = ('its name does not say what the images are (GAN-SR, MSE-SR, GT-Mask, DeSRA-Mask, LR, '
           'seg; GAN-SR-DeSRA for fine-tuned results)')
LAYOUT = 'LDL/GAN-SR, LDL/MSE-SR, LDL/GT-Mask and LDL/DeSRA-Mask, LDL being a model'
SEVERAL = 'human masks lie in several folders of this model, and it is not known whose this is'


@dataclass(frozen=True)
class TunedModel:
    """The results of a fine-tuned model.

    Attributes:
        name (str): As its folder is called.
        trees (dict[Role, ImageTree]): Its GAN-SR images and, if stored, masks and label maps.
    """
    name: str
    trees: dict[Role, ImageTree]


@dataclass(frozen=True)
class AuthorsModel:
    """What there is of one model.

    Attributes:
        name (str): As its folder is called.
        place (str): The same or, where several are called so, as much of the path as tells them
            apart.
        trees (dict[Role, ImageTree]): Human masks, and what else was found.
        tuned (list[TunedModel]): The results of models that were fine-tuned from it.
    """
    name: str
    place: str
    trees: dict[Role, ImageTree]
    tuned: list[TunedModel] = field(default_factory=list)


@dataclass(frozen=True)
class AuthorsFolder:
    """What was found.

    Attributes:
        models (list[AuthorsModel]): In the order of the folders.
        left_out (dict[Path, str]): Folder or file to why it cannot be used.
        not_needed (dict[Path, str]): Folder to why it is not used, though nothing is amiss.
        class_tables (list[Path]): Files that are called like the released class table.
    """
    models: list[AuthorsModel]
    left_out: dict[Path, str]
    not_needed: dict[Path, str]
    class_tables: list[Path]


@dataclass(frozen=True)
class _Reading:
    """The reading of an image folder's path; equal for all folders of one tree.

    Attributes:
        home (Path): The model's folder; a place of its name, where names of two are one.
        name (str): The model.
        role (Role, optional): What the images are; None: the names do not say.
        folder (Path): The folder whose name says so.
        tuned (str): The fine-tuned model that they belong to; empty if to the model itself.
    """
    home: Path
    name: str
    role: Role | None
    folder: Path
    tuned: str = ''


def read_authors_folder(roots: Sequence[str | Path],
                        skip: Collection[str | Path] = ()) -> AuthorsFolder:
    """Find the models in the authors' data.

    Args:
        roots (Sequence[str | Path]): Folders; what they hold of one model is put together.
        skip (Collection[str | Path]): Folders in them that are passed over, such as that of the
            results.

    Raises:
        InputError: If one of them is no folder, or no model with human masks is found.
    """
    passed = {os.path.realpath(path) for path in skip}
    left_out: dict[Path, str] = {}
    tables: list[Path] = []
    trees: dict[_Reading, dict] = {}
    for root in map(Path, roots):
        if not root.is_dir():
            raise InputError(f"{root}: expected a folder of the authors' data, found "
                             f'{"a file" if root.exists() else "nothing"}')
        for folder, files in _walk(root, passed):
            tables += [folder / name for name in files
                       if name.lower().endswith('.txt') and TABLE_WORD in name.lower()]
            left_out.update({folder / name: 'an archive; unpack it, and it is read, too'
                             for name in files if name.lower().endswith(ARCHIVES)})
            if not any(name.lower().endswith(IMAGE_SUFFIXES) for name in files):
                continue
            try:
                paths = list_images(folder)
            except ImageError as error:
                left_out[folder] = str(error)
                continue
            reading = _read_path(root, folder)
            images = trees.setdefault(reading, {})
            sub = folder.relative_to(reading.folder).parts
            images.update({(*sub, path.stem): path for path in paths})
    sorter = _Sorter(trees, left_out)
    models = sorter.models()
    if not models:
        raise InputError(
            f'{", ".join(map(str, roots))}: expected the authors\' data ({LAYOUT}), found no '
            'human masks (GT-Mask)' + ''.join(
                f'\n  {path}: {why}' for path, why in
                {**left_out, **sorter.not_needed}.items()))
    return AuthorsFolder(models, left_out, sorter.not_needed, tables)


def _walk(root: Path, passed: Collection[str]) -> Iterator[tuple[Path, list[str]]]:
    """Go through the folders below one in the order of their names, links included, once each."""
    seen = set(passed)
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders
                            if not name.startswith('.') and name != '__MACOSX')
        yield Path(folder), sorted(name for name in files if not name.startswith('.'))


def _read_path(root: Path, folder: Path) -> _Reading:
    parts = folder.relative_to(root).parts
    readings = [read_folder_name(part) for part in parts]
    # The deepest name decides: the released script writes DeSRA-Mask/Final_Artifact_Map/…
    deepest = [number for number, one in enumerate(readings) if one.role]
    first = next(iter(deepest), None)
    if first is None:
        return _without_role(root, parts)
    here = deepest[-1]
    one, place = readings[here], root.joinpath(*parts[:here + 1])
    above, below = list(parts[:first]), parts[here + 1:]
    if below and is_known_model(below[0]):  # GAN-SR/LDL: the model stands below
        above, place = [*above, below[0]], place / below[0]
    elif readings[first].model:
        above.append(readings[first].model)
    return _of_model(root, above, one.role, place, one.is_tuned, parts[here])


def _of_model(root: Path, above: list[str], role: Role | None, place: Path, is_tuned: bool,
              name: str) -> _Reading:
    while above and is_only_tuned(above[-1]):  # LDL/DeSRA/GAN-SR: LDL's, fine-tuned
        if role is Role.GAN:
            is_tuned, name = True, above[-1]
        above = above[:-1]
    model = above[-1] if above else root.resolve().name
    if not model_key(name).startswith(model_key(model)):
        name = f'{model} {name}'
    return _Reading(root.joinpath(*above), model, role, place, name * is_tuned)


def _without_role(root: Path, parts: Sequence[str]) -> _Reading:
    """A folder whose path has no name of a role; images may lie in that of a fine-tuned model."""
    for number in range(len(parts) - 1, -1, -1):
        place = root.joinpath(*parts[:number + 1])
        if base_of_tuned(parts[number]):
            return _Reading(place, parts[number], None, place)
        if is_only_tuned(parts[number]) and not may_be_masks(parts[number]):  # LDL/finetuned
            return _of_model(root, [*parts[:number + 1]], Role.GAN, place, True, parts[number])
    place = root.joinpath(*parts)
    return _Reading(place, place.resolve().name, None, place)


class _Sorter:
    """Puts the trees of images together to models."""

    def __init__(self, trees: dict[_Reading, dict], left_out: dict[Path, str]) -> None:
        self.trees = {reading: ImageTree(reading.folder, images)
                      for reading, images in trees.items()}
        self.left_out = left_out
        self.not_needed: dict[Path, str] = {}
        self.homes = {reading.home: reading.name for reading in trees
                      if reading.role is Role.HUMAN}

    def models(self) -> list[AuthorsModel]:
        """Return the models that have human masks; what is of none is added to those left out."""
        judged = self._bases()
        found: dict[Path, AuthorsModel] = {}
        for home, name in judged.items():
            same = [other.absolute() for other in judged
                    if model_key(judged[other]) == model_key(name)]
            place = str(home.absolute().relative_to(os.path.commonpath(same)))
            found[home] = AuthorsModel(name, name if place == os.curdir else place, {})
        tuned: dict[tuple[Path, str], dict[Role, ImageTree]] = {}
        for reading, tree in self.trees.items():
            if reading.role is Role.BETWEEN:
                self.not_needed[tree.folder] = Role.BETWEEN.value
                continue
            owner, version = self._owner(reading, judged)
            if owner is None:
                there = self.not_needed if reading.role is None else self.left_out
                there[tree.folder] = version
            elif version:
                role = reading.role or Role.GAN
                self._put(tuned.setdefault((owner, version), {}), role, tree)
            else:
                assert reading.role  # as _owner has given it a model
                self._put(found[owner].trees, reading.role, tree)
        for (owner, version), trees in tuned.items():
            if Role.GAN in trees:
                self._leave_to(found[owner], version, trees)
                found[owner].tuned.append(TunedModel(version, trees))
            else:
                self.left_out.update({tree.folder: f'{version} has no GAN-SR images'
                                      for tree in trees.values()})
        return list(found.values())

    def _leave_to(self, model: AuthorsModel, version: str, trees: dict[Role, ImageTree]) -> None:
        """Leave masks, MSE-SR and LR images to the model that a fine-tuned one is compared to."""
        for role in (Role.HUMAN, Role.MSE, Role.LR):
            if role in trees:
                self.not_needed[trees.pop(role).folder] = (
                    f'{role.value}; {version} is compared by those of {model.place}')

    def _bases(self) -> dict[Path, str]:
        """Return the homes of models that are no fine-tuned versions of another."""
        keys = {model_key(name) for name in self.homes.values()}
        return {home: name for home, name in self.homes.items()
                if base_of_tuned(name) not in keys}

    def _owner(self, reading: _Reading, judged: dict[Path, str]) -> tuple[Path | None, str]:
        """The home of the model that a tree belongs to, and the fine-tuned model, if it is one's.

        Without a home: why it is left out.
        """
        base, version = model_key(reading.name), reading.tuned
        if base not in map(model_key, judged.values()) or reading.role is None:
            base, version = base_of_tuned(reading.name), reading.name
        homes = [home for home, name in judged.items() if model_key(name) == base and base]
        if reading.home in homes:
            homes = [reading.home]
        if not homes:
            if reading.role is None:
                return None, UNNAMED
            return None, f'{reading.role.value}, but no human masks of {reading.name} were found'
        if len(homes) > 1:
            depths = [len(os.path.commonpath([home.absolute(), reading.home.absolute()]))
                      for home in homes]
            homes = [home for home, depth in zip(homes, depths) if depth == max(depths)]
        return (homes[0], version) if len(homes) == 1 else (None, SEVERAL)

    def _put(self, trees: dict[Role, ImageTree], role: Role, tree: ImageTree) -> None:
        taken = trees.setdefault(role, tree)
        if taken is not tree:
            self.not_needed[tree.folder] = f'{role.value}, as in {taken.folder}, which are taken'
