"""What a benchmark found: Markdown for people, a JSON file for programs."""
from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Union

from mmdesra.files.tables import markdown_table, write_json

from .machine import describe_machine, in_a_line
from .turns import Quartiles

Figure = Union[Quartiles, float, int, str, None]
"""None and nan: not measured."""


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the JSON file."""
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures here, too, '
                        'with the settings and the machine')


@dataclass(frozen=True)
class Table:
    """Rows of figures.

    Args:
        title (str): Stands above it.
        rows (Sequence[Mapping]): Figures by the names of the columns, the same in each.
        formats (Mapping[str, str]): How columns are written, as in a format string; without one,
            as ``str()`` does.
    """
    title: str
    rows: Sequence[Mapping[str, Figure]]
    formats: Mapping[str, str]

    def markdown(self) -> str:
        """Return it as Markdown."""
        columns = [*self.rows[0]] if self.rows else []
        return markdown_table(columns, (
            [in_words(row[name], self.formats.get(name, '')) for name in columns]
            for row in self.rows))


class Report:
    """Tables and notes of one benchmark.

    Args:
        settings (Mapping): What was measured: in the JSON file, and in the first line.
        device (str): Where.
    """

    def __init__(self, settings: Mapping[str, object], device: str = 'cpu') -> None:
        self.settings = dict(settings)
        self.machine = describe_machine(device)
        self.tables: list[Table] = []
        self.notes: list[str] = []

    def table(self, rows: Sequence[Mapping[str, Figure]], formats: Mapping[str, str] | None = None,
              title: str = '') -> None:
        """Add a table; one without rows is left out."""
        if rows:
            self.tables.append(Table(title, rows, formats or {}))

    def note(self, text: str) -> None:
        """Add a sentence, which stands below the tables."""
        self.notes.append(text)

    def markdown(self) -> str:
        """Return all of it for people."""
        parts = [in_a_line(self.machine),
                 '; '.join(f'{name}: {value}' for name, value in self.settings.items())]
        for table in self.tables:
            parts += [*filter(None, [table.title]), table.markdown()]
        return '\n\n'.join([*parts, *self.notes])

    def content(self) -> dict:
        """Return all of it for programs."""
        return dict(settings=self.settings, machine=self.machine, notes=self.notes, tables=[
            dict(title=table.title, rows=[{name: plain(value) for name, value in row.items()}
                                          for row in table.rows]) for table in self.tables])

    def give(self, json_file: Path | None = None) -> None:
        """Print it, and write the JSON file where there is to be one."""
        print(self.markdown())
        if json_file is not None:
            write_json(json_file, self.content())


def in_words(value: Figure, spec: str) -> str:
    """Return a figure as a cell."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return '-'
    return format(value, spec if not isinstance(value, str) else '')


def plain(value: Figure) -> object:
    """Return a figure as JSON can hold it."""
    if isinstance(value, Quartiles):
        return asdict(value)
    return None if isinstance(value, float) and math.isnan(value) else value
