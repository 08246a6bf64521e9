"""Reading the answers of a user study: the CSV files that participants saved."""
from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..visualization.study import pair_name

COLUMNS = ('participant', 'study', 'pair', 'image', 'left', 'right', 'choice', 'seconds',
           'repeat')
SIDES = ('left', 'right')
TIE = 'none'


@dataclass(frozen=True)
class Answer:
    """One row of a participant's file.

    Attributes:
        participant: The participant's name.
        study: The study's name.
        pair: Name of the pair, 'A vs B'.
        image: Name of the image.
        left: Version that was on the left.
        right: Version that was on the right.
        choice: 'left', 'right' or 'none' (no difference).
        seconds: Time until the answer.
        repeat: 1 if the question was asked for the second time, else 0.
    """
    participant: str
    study: str
    pair: str
    image: str
    left: str
    right: str
    choice: str
    seconds: float
    repeat: int

    @property
    def chosen(self) -> str | None:
        """The version that was chosen; None for 'no difference'."""
        return None if self.choice == TIE else getattr(self, self.choice)

    @property
    def versions(self) -> tuple[str, str]:
        """The two versions in the order of the pair's name."""
        sides = self.left, self.right
        return sides if pair_name(*sides) == self.pair else sides[::-1]

    @property
    def question(self) -> tuple:
        """A key for participant and question, to which there is one answer."""
        return self.participant, self.pair, self.image, self.repeat


@dataclass(frozen=True)
class Answers:
    """The answers of one study.

    Attributes:
        study: The study's name.
        answers: The answers, one for each question and participant.
        problems: Rows and files that could not be used, and the reasons.
        duplicates: Number of rows that repeat an earlier one, as when a file is given twice.
    """
    study: str
    answers: list[Answer]
    problems: list[str] = field(default_factory=list)
    duplicates: int = 0


def collect_tables(inputs: Sequence[str | Path]) -> list[Path]:
    """Return the CSV files among files and in folders.

    Raises:
        InputError: If a path does not exist, or a folder holds no CSV file.
    """
    paths = []
    for path in map(Path, inputs):
        if not path.exists():
            raise InputError(f'{path}: no such file or folder')
        found = sorted(path.glob('*.csv')) if path.is_dir() else [path]
        if not found:
            raise InputError(f'{path}: expected the CSV files of participants, found none')
        paths += found
    return paths


def read_answers(paths: Iterable[str | Path]) -> Answers:
    """Read the files of the participants of one study.

    A row that cannot be used is left out and noted. So is an answer that contradicts an earlier
    one of the same participant to the same question: the file was changed, or two people used
    the same name. Files may overlap: a participant may have saved halfway and at the end.

    Raises:
        InputError: If no row can be used, or the rows belong to several studies.
    """
    files = [Path(path) for path in paths]
    known: dict[tuple, tuple[Answer, Path]] = {}
    problems: list[str] = []
    duplicates = 0
    studies: dict[str, Path] = {}
    for path in files:
        for where, row in _rows(path, problems):
            try:
                answer = _answer(row)
            except ValueError as error:
                problems.append(f'{where}: {error}')
                continue
            studies.setdefault(answer.study, path)
            earlier, source = known.setdefault((answer.study, *answer.question), (answer, path))
            if earlier is answer:
                continue
            if (earlier.left, earlier.choice) == (answer.left, answer.choice):
                duplicates += 1
                continue
            problems.append(
                f'{where}: {answer.participant!r} has another answer about {answer.image!r} in '
                f'{source}, which is kept; did two people use one name, or was a file changed?')
    if len(studies) > 1:
        raise InputError('expected the answers of one study, got several; tally each on its own: '
                         + ', '.join(f'{study} ({path})' for study, path in studies.items()))
    if not known:
        named = ', '.join(map(str, files)) or 'no file'
        raise InputError('\n'.join([f'{named}: expected answers, found none that can be used',
                                    *problems]))
    return Answers(next(iter(studies)), [answer for answer, _ in known.values()], problems,
                   duplicates)


def _rows(path: Path, problems: list[str]) -> list[tuple[str, dict]]:
    """Return the rows of a file, each with its place; problems are added to ``problems``."""
    try:
        text = path.read_bytes().decode('utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f'{path}: cannot be read as text in UTF-8 ({error})')
        return []
    head = text.partition('\n')[0]
    # Spreadsheets write semicolons in countries where the comma is the decimal point.
    reader = csv.DictReader(io.StringIO(text, newline=''),
                            delimiter=',' if ',' in head else ';')
    try:
        names = reader.fieldnames or ()
    except csv.Error as error:
        problems.append(f'{path}: expected a table with a row of column names ({error})')
        return []
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        problems.append(f'{path}: expected the columns {", ".join(COLUMNS)}; '
                        f'{", ".join(missing)} missing')
        return []
    rows = []
    try:
        for row in reader:
            rows.append((f'{path}, line {reader.line_num}', row))
    except csv.Error as error:
        problems.append(f'{path}, after line {reader.line_num}: {error}')
    return rows


def _answer(row: dict) -> Answer:
    cells = {name: (row[name] or '').strip() for name in COLUMNS}
    empty = [name for name, value in cells.items() if not value]
    if empty:
        raise ValueError(f'expected a value for {", ".join(empty)}, got nothing')
    if None in row:
        raise ValueError(f'expected {len(COLUMNS)} values, got {len(row) - 1 + len(row[None])}')
    if cells['choice'] not in (*SIDES, TIE):
        raise ValueError(f'expected left, right or none as choice, got {cells["choice"]!r}')
    left, right, pair = (cells[name] for name in (*SIDES, 'pair'))
    if left == right or pair not in (pair_name(left, right), pair_name(right, left)):
        raise ValueError(f'expected the two versions of {pair!r} on the left and on the right, '
                         f'got {left!r} and {right!r}')
    if cells['repeat'] not in ('0', '1'):
        raise ValueError(f'expected 0 or 1 as repeat, got {cells["repeat"]!r}')
    values: dict[str, Any] = dict(cells, seconds=_seconds(cells['seconds']),
                                  repeat=int(cells['repeat']))
    return Answer(**values)


def _seconds(text: str) -> float:
    try:
        seconds = float(text.replace(',', '.'))
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f'expected a number of seconds, 0 or more, got {text!r}')
    return seconds
