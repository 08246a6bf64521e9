"""One part of the check: what it measures, what went wrong, how long it took."""
from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Union

import torch

LAST_LINES = 6
"""Of a traceback, in the report."""

Figure = Union[float, int, str, bool, None]


@dataclass(frozen=True)
class Settings:
    """What every part is given.

    Attributes:
        device (torch.device): Where to measure.
        quick (bool): Small images, small networks, few turns: to try the check itself.
        scratch (Path): An empty folder.
        weights (Path, optional): Of RRDBNet x4plus.
        deadline (float): Of ``time.monotonic()``, when all should be done.
    """
    device: torch.device
    quick: bool
    scratch: Path
    weights: Path | None
    deadline: float

    def seconds_left(self) -> float:
        """Return the seconds until the deadline, at least 0."""
        return max(self.deadline - time.monotonic(), 0)


@dataclass
class Part:
    """The outcome of one part.

    Attributes:
        name (str): As in ``--only``.
        rows (list[dict]): Tables' rows, each with the key ``table``.
        notes (list[str]): What a reader must know, such as random weights.
        failures (list[str]): What is not as it must be; a traceback's last lines.
        seconds (float): What it took.
        path (Path, optional): Where it is kept, after every row and section, should it be stopped.
    """
    name: str
    rows: list[dict[str, Figure]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0
    path: Path | None = None

    def row(self, table: str, **figures: Figure) -> None:
        """Add a row to a table."""
        self.rows.append(dict(table=table, **figures))
        self.keep()

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note what is not as it must be; the part goes on."""
        if not holds:
            self.failures.append(otherwise)

    @contextmanager
    def section(self, what: str) -> Iterator[None]:
        """Note an error of the block, whatever it is, and go on after it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  (what fails is reported, and the rest goes on)
            lines = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
            self.failures.append(f'{what}:\n' + '\n'.join(lines.splitlines()[-LAST_LINES:]))
        self.keep()

    def keep(self) -> None:
        """Write it down, where it has a path."""
        if self.path is not None:
            self.path.write_text(json.dumps(self.to_dict()), encoding='utf-8')

    def to_dict(self) -> dict:
        """Return what the JSON file has of it."""
        return {name: value for name, value in asdict(self).items() if name != 'path'}


Run = Callable[[Part, Settings], None]


def run_part(name: str, run: Run, settings: Settings, path: Path) -> None:
    """Run a part and write it down; whatever it raises is noted."""
    part, begin = Part(name, path=path), time.monotonic()
    with part.section(name):
        run(part, settings)
    part.seconds = round(time.monotonic() - begin, 1)
    part.keep()
