"""Which iteration of fine-tuning to keep: the knee, or the one that is nearest to the truth."""
from __future__ import annotations

import math
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
        distance (float, optional): To the ground truths, as a share of that before fine-tuning,
            see :func:`mmdesra.evaluation.truth_sums.relative_distance`; None: unknown.
    """
    iteration: int
    regions: int
    area: int
    removal_rate: float
    addition_rate: float
    detail_kept: float
    distance: float | None = None


def choose_knee(points: Sequence[Point], wanted_removal: float = WANTED_REMOVAL,
                by_truth: bool = False) -> Point | None:
    """Choose the iteration to keep.

    It is the one with the most detail among those that remove at least the wanted share of the
    regions and add none. If there is none, it is the one that removes the most among those that
    add none, then the one with the most detail, then the earliest.

    By the truth it is the nearest to the ground truths instead of the one with the most detail;
    points of unknown distance come last.

    Args:
        points (Sequence[Point]): In the order of the iterations.
        wanted_removal (float): In [0, 1].
        by_truth (bool): Whether the truth chooses.

    Returns:
        Point | None: None if every point adds a region, or there is none.
    """
    def worth(point: Point) -> float:
        if not by_truth:
            return point.detail_kept
        return -math.inf if point.distance is None else -point.distance

    adds_none = [point for point in points if point.addition_rate == 0]
    good = [point for point in adds_none if point.removal_rate >= wanted_removal]
    if good:
        return max(good, key=worth)
    return max(adds_none, key=lambda point: (point.removal_rate, worth(point)), default=None)


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
