"""Writing tables as CSV, JSON and Markdown."""
from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .atomic import write_bytes, write_text

# A JSON string has no line breaks, so this matches no part of one.
NUMBERS = re.compile(r'\[\n\s*([-+.\deE]+(?:,\n\s*[-+.\deE]+)*)\n\s*\]')
"""A list of numbers as ``json`` writes it, one per line."""


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping]) -> None:
    """Write a table atomically; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    # A file name may hold bytes that are not UTF-8; the table must not.
    write_bytes(path, text.getvalue().encode('utf-8', 'backslashreplace'))


def write_json(path: str | Path, content: object) -> None:
    """Write JSON atomically; lists of numbers stand on one line.

    Raises:
        ValueError: If a number is nan or infinite, which JSON does not have.
    """
    text = json.dumps(content, indent=1, allow_nan=False)
    write_text(path, NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + '\n')


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table that also reads well as plain text: columns padded to one width.

    The first column is aligned to the left, the others, which hold figures, to the right.
    """
    table = [[cell.replace('|', r'\|') for cell in row] for row in (columns, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*table)]
    rule = ['-' * widths[0]] + ['-' * (width - 1) + ':' for width in widths[1:]]
    return '\n'.join('| ' + ' | '.join([row[0].ljust(widths[0])] + [
        cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]) + ' |'
        for row in (table[0], rule, *table[1:]))
