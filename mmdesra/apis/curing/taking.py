"""Taking in photographs: which there are, what each is for, what is cut from it."""
from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ...datasets.pseudo_gt_folder import file_sha256
from ...errors import InputError
from ...files import ImageError, list_inputs, read_image, shown_name
from ...files.inputs import refuse_inside
from .crops import (
    LEAST_FOR_PARTNER,
    MOST_FOR_PARTNER,
    SIDES,
    Crop,
    crops_per_photograph,
    write_crops,
)
from .split import FOR_PARTNER, HELDOUT, LEFT_OUT, TRAIN, Photograph, count_roles, split

FOLDERS = {TRAIN: 'train', HELDOUT: 'heldout'}
WORKERS = 4

logger = logging.getLogger('mmdesra')


@dataclass(frozen=True)
class Album:
    """The photographs of a folder.

    Attributes:
        root (Path): The folder.
        photographs (list[Photograph]): Those that can be read.
        left_out (dict[str, str]): Why others are not taken, by their places.
        remarks (list[str]): What else lies there and was not taken, in sentences.
    """
    root: Path
    photographs: list[Photograph]
    left_out: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def signature(self) -> dict[str, str]:
        """Return what tells this folder from others: each photograph's contents."""
        return {one.inside: one.sha256 for one in self.photographs}


def open_album(folder: str | Path, out: Path) -> Album:
    """List the photographs of a folder and its sub-folders, and read each once.

    Args:
        folder (str | Path): The folder.
        out (Path): Where results go, which must not lie in it.

    Raises:
        ImageError: If it holds none.
        InputError: If the results would lie in it.
    """
    listing = list_inputs(folder, recursive=True)
    refuse_inside(out, listing.open_ended)
    root = Path(listing.root)
    places = [shown_name(path) for path in listing.paths]
    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(lambda place: _look_at(root, place), places))
    return Album(root, [one for one in found if isinstance(one, Photograph)],
                 {place: one for place, one in zip(places, found) if isinstance(one, str)},
                 listing.left_out)


@dataclass(frozen=True)
class Roles:
    """What the photographs of a cure are for.

    Attributes:
        albums (dict): By role, the folder that its photographs are from.
        roles (dict): By role of the album, what :func:`split` says of each photograph.
    """
    albums: dict[str, Album]
    roles: dict[str, dict[str, str]]

    def photographs(self, role: str) -> list[Photograph]:
        """Return those of a role."""
        return [one for one in self.albums[role].photographs
                if self.roles[role][one.inside] == role]

    @property
    def role_of_partner(self) -> str:
        """str: Role of the photographs that a partner is trained on."""
        return FOR_PARTNER if FOR_PARTNER in self.albums else TRAIN

    @property
    def left_out(self) -> dict[str, str]:
        """dict[str, str]: Why photographs are not used, by their places."""
        reasons = {}
        for role, album in self.albums.items():
            reasons.update(album.left_out)
            reasons.update({place: use for place, use in self.roles[role].items()
                            if use not in (TRAIN, HELDOUT, FOR_PARTNER)})
        return reasons


def assign(album: Album, heldout: Album | None, share: float, train_side: int) -> Roles:
    """Say what each photograph is for.

    Args:
        album (Album): The user's photographs.
        heldout (Album, optional): Those to judge with; without them a share of the others.
        share (float): That share.
        train_side (int): Shorter side in px from which on one can be trained on.

    Raises:
        InputError: If there is none to train on, or none to judge with.
    """
    if heldout is None:
        roles = split(album.photographs, share, train_side)
        found = Roles({TRAIN: album, HELDOUT: album}, {TRAIN: roles, HELDOUT: roles})
        trained, judged = count_roles(roles)
    else:
        roles = split(album.photographs, 0, train_side)
        judges = {one.inside: HELDOUT for one in heldout.photographs}
        contents = {one.sha256 for one in heldout.photographs}
        roles.update({one.inside: 'left out: also among the held-out ones'
                      for one in album.photographs if one.sha256 in contents})
        found = Roles({TRAIN: album, HELDOUT: heldout}, {TRAIN: roles, HELDOUT: judges})
        trained, judged = count_roles(roles)[0], len(judges)
    if not trained or not judged:
        reason = next(iter(found.left_out.values()), '')
        raise InputError(
            f'{album.root}: expected at least two photographs that differ, of {train_side} px a '
            f'side or more, to train on one and to judge with the other; got {trained} to train '
            f'on and {judged} to judge with' + (f' ({reason})' if reason else ''))
    return found


def with_partner(roles: Roles, album: Album, least: int) -> Roles:
    """Add photographs that a partner alone is trained on; none that is judged with.

    Args:
        roles (Roles): Of the others.
        album (Album): Those photographs.
        least (int): Shorter side in px from which on one can be trained on.

    Raises:
        InputError: If all of them are too small, or also held out.
    """
    judged = {one.sha256 for one in roles.photographs(HELDOUT)}
    uses = {one.inside: HELDOUT if one.sha256 in judged else
            FOR_PARTNER if one.short >= least else
            f'{LEFT_OUT}: {one.width}x{one.height} px, and it takes {least} px to train on'
            for one in album.photographs}
    if FOR_PARTNER not in uses.values():
        raise InputError(f'{album.root}: expected a photograph of {least} px a side or more to '
                         'train a reference on, that is not among the held-out ones, got none')
    return Roles({**roles.albums, FOR_PARTNER: album}, {**roles.roles, FOR_PARTNER: uses})


def expected_crops(photographs: list[Photograph], side: int) -> tuple[int, float]:
    """Return how many crops of a side photographs will give, at most, and their mean LR pixels."""
    most = crops_per_photograph(len(photographs))
    sizes = [(min(-(-one.width // side) * -(-one.height // side), most),
              min(one.width, side) * min(one.height, side)) for one in photographs]
    count = sum(number for number, _ in sizes)
    return count, sum(number * size for number, size in sizes) / max(count, 1)


def cut(roles: Roles, folder: Path, limits: dict[str, int], side: int) -> list[Crop]:
    """Write the crops of all photographs, by role.

    Args:
        roles (Roles): What each is for.
        folder (Path): Gets a folder of crops for each role.
        limits (dict): At most so many crops, by role.
        side (int): Of the crops, in px.
    """
    crops: list[Crop] = []
    for role, name in FOLDERS.items():
        crops += _cut_role(roles, role, folder / name, limits[role], side)
    return crops


def cut_more_heldout(roles: Roles, folder: Path, limit: int, side: int, skip: int) -> list[Crop]:
    """Write other held-out crops, in the place of some that show no artifact.

    Args:
        roles (Roles): What each photograph is for.
        folder (Path): That of all crops, see :func:`cut`.
        limit (int): At most so many.
        side (int): Of the crops.
        skip (int): How many were tried.
    """
    return _cut_role(roles, HELDOUT, folder / FOLDERS[HELDOUT], limit, side, skip)


def cut_for_partner(roles: Roles, folder: Path, patch_size: int) -> int:
    """Write crops of the photographs that a partner is trained on, wide enough for its patches.

    Args:
        roles (Roles): What each photograph is for.
        folder (Path): Gets the crops.
        patch_size (int): Side of the GT patches in px; a crop is at least twice as wide, or
            whole; of few photographs it may be as small as a patch.

    Returns:
        int: How many crops there are that a patch fits into.
    """
    count = 0
    for side in (max(2 * patch_size, SIDES[0]), patch_size):
        crops = _cut_role(roles, roles.role_of_partner, folder, MOST_FOR_PARTNER, side)
        written = [crop for crop in crops if crop.file]
        small = [crop for crop in written if min(crop.width, crop.height) < patch_size]
        for crop in small:
            (folder / crop.file).unlink()
            logger.info('%s: is smaller than the %d px of a patch; the reference is not trained '
                        'on it', crop.photograph, patch_size)
        count = len(written) - len(small)
        if count >= LEAST_FOR_PARTNER:
            break
    return count


def _cut_role(roles: Roles, role: str, folder: Path, limit: int, side: int, skip: int = 0
              ) -> list[Crop]:
    """Write the crops of the photographs of a role into a folder that holds no others."""
    if folder.is_dir():
        for path in folder.glob('*.png'):
            path.unlink()  # of a stopped one
    album = roles.albums[role]
    return write_crops(album.root, album.photographs, roles.roles[role], role, folder, limit, side,
                       skip)


def _look_at(root: Path, place: str) -> Photograph | str:
    path = root / place  # two of one stem are two photographs here
    try:
        height, width = read_image(path).shape[:2]
        return Photograph(place, file_sha256(path), width, height)
    except (ImageError, OSError) as error:
        return str(error)
