"""Which photographs are trained on, and which are held out: told by their names and contents."""
from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

TRAIN, HELDOUT, LEFT_OUT = 'train', 'held out', 'left out'
FOR_PARTNER = 'for the reference'
SAME = f'{LEFT_OUT}: the same file as'


@dataclass(frozen=True)
class Photograph:
    """A photograph that can be read.

    Attributes:
        inside (str): Its place below the folder, ``sub/a.jpg``.
        sha256 (str): Of the file.
        width (int): In px.
        height (int): In px.
    """
    inside: str
    sha256: str
    width: int
    height: int

    @property
    def short(self) -> int:
        """int: The shorter side, in px."""
        return min(self.width, self.height)


def split(photographs: list[Photograph], share: float, train_side: int) -> dict[str, str]:
    """Say of each photograph what it is for.

    Those with the smallest hash of their place are held out, so that one more photograph changes
    little. Files of equal content are one photograph: the first by name is used, the others are
    left out. One that is smaller than a patch can only be held out.

    Args:
        photographs (list[Photograph]): All of them.
        share (float): Of the photographs that is held out, in [0, 1): at least one, and at least
            one is trained on, where there are two; 0 = none.
        train_side (int): Shorter side in px from which on one can be trained on.

    Returns:
        dict[str, str]: By place: :data:`TRAIN`, :data:`HELDOUT`, or why it is left out.
    """
    roles: dict[str, str] = {}
    first: dict[str, str] = {}
    for one in sorted(photographs, key=lambda one: one.inside):
        if one.sha256 in first:
            roles[one.inside] = f'{SAME} {first[one.sha256]}'
        first.setdefault(one.sha256, one.inside)
    distinct = [one for one in photographs if one.inside not in roles]
    small = [one for one in distinct if one.short < train_side]
    large = sorted((one for one in distinct if one.short >= train_side), key=_place_in_draw)
    count = round(share * len(distinct))
    if share:
        count = max(count, 1)
    count = min(max(count - len(small), 0), max(len(large) - 1, 0))
    if share and not small:
        count = max(count, min(1, len(large) - 1))
    for one in small:
        roles[one.inside] = HELDOUT if share else (
            f'{LEFT_OUT}: {one.width}x{one.height} px, and it takes {train_side} px to train on')
    roles.update({one.inside: HELDOUT for one in large[:count]})
    roles.update({one.inside: TRAIN for one in large[count:]})
    return roles


def count_roles(roles: Mapping[str, str]) -> tuple[int, int]:
    """Return how many are trained on, and how many are held out."""
    values = [*roles.values()]
    return values.count(TRAIN), values.count(HELDOUT)


def _place_in_draw(one: Photograph) -> str:
    return hashlib.sha256(one.inside.encode('utf-8', 'surrogateescape')).hexdigest()
