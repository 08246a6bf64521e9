"""The knee of fine-tuning: the iteration where the artifacts are gone and the texture is not."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..files.records import read_json
from ..files.tables import write_json

WANTED_REMOVAL = .9


@dataclass(frozen=True)
class Point:
    """What the held-out images say of one iteration.

    Attributes:
        iteration (int): Iterations done.
        regions (int): Artifact regions.
        area (int): Artifact pixels.
        removal_rate (float): In [0, 1].
        addition_rate (float): At least 0.
        detail_kept (float): At least 0; 1 = as before fine-tuning.
    """
    iteration: int
    regions: int
    area: int
    removal_rate: float
    addition_rate: float
    detail_kept: float


def choose_knee(points: Sequence[Point], wanted_removal: float = WANTED_REMOVAL) -> Point | None:
    """Choose the iteration to keep.

    It is the one with the most detail among those that remove at least the wanted share of the
    regions and add none. If there is none, it is the one that removes the most among those that
    add none, then the one with the most detail, then the earliest.

    Args:
        points (Sequence[Point]): In the order of the iterations.
        wanted_removal (float): In [0, 1].

    Returns:
        Point | None: None if every point adds a region, or there is none.
    """
    adds_none = [point for point in points if point.addition_rate == 0]
    good = [point for point in adds_none if point.removal_rate >= wanted_removal]
    if good:
        return max(good, key=lambda point: point.detail_kept)
    return max(adds_none, key=lambda point: (point.removal_rate, point.detail_kept), default=None)


class Curve:
    """The points of a run, kept in a JSON file so that a resumed run knows them.

    Args:
        path (str | Path): The file; read if it exists.
        until (int): Iterations done: points after them belong to what the resumed run will do
            again, and are dropped.
    """

    def __init__(self, path: str | Path, until: int) -> None:
        self.path = Path(path)
        self.points: list[Point] = []
        if until and self.path.is_file():
            self.points = read_json(self.path, lambda rows: [
                Point(**row) for row in rows if row['iteration'] <= until],
                'delete it, and the run goes on without the points measured so far')

    def add(self, point: Point, is_writer: bool = True) -> None:
        """Add a point and, in one of several processes, write the file."""
        self.points.append(point)
        if is_writer:
            write_json(self.path, [asdict(point) for point in self.points])
