"""The outcome as one JSON file and one page of Markdown."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmdesra.files.tables import markdown_table

from .part import Figure, Part

NAME = 'check_gpu'


def write_report(folder: Path, machine: Mapping[str, str], parts: Sequence[Part]) -> list[Path]:
    """Write ``check_gpu.json`` and ``check_gpu.md``; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    content = dict(machine=dict(machine), failures=sum(len(part.failures) for part in parts),
                   parts=[part.to_dict() for part in parts])
    paths = [folder / f'{NAME}.json', folder / f'{NAME}.md']
    paths[0].write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')  # may hold nan
    paths[1].write_text(to_markdown(machine, parts), encoding='utf-8')
    return paths


def to_markdown(machine: Mapping[str, str], parts: Sequence[Part]) -> str:
    """Return the page: the machine, then of each part its tables, notes and failures."""
    lines = [f'# {machine.get("card", machine["device"])}', '', '| what | value |',
             '| --- | --- |', *(f'| {name} | {value} |' for name, value in machine.items()), '']
    for part in parts:
        lines += [f'## {part.name}: {verdict(part)}, {part.seconds:.0f} s', '']
        for table in dict.fromkeys(row['table'] for row in part.rows):
            lines += [draw_table([row for row in part.rows if row['table'] == table]), '']
        lines += [f'- {note}' for note in part.notes]
        lines += ['', *(f'```\n{failure}\n```' for failure in part.failures)]
    return '\n'.join(lines).rstrip() + '\n'


def verdict(part: Part) -> str:
    """Return whether a part is as it must be."""
    return f'FAILED ({len(part.failures)})' if part.failures else 'ok'


def draw_table(rows: Sequence[Mapping[str, Figure]]) -> str:
    """Return the rows of one table as Markdown."""
    names = [name for name in dict.fromkeys(name for row in rows for name in row)
             if name != 'table']
    return markdown_table([name.replace('_', ' ') for name in names],
                          [[in_words(name, row.get(name)) for name in names] for row in rows])


def in_words(name: str, value: Figure) -> str:
    """Return a figure as a cell: shares in percent, the rest with four digits."""
    if value is None:
        return ''
    if isinstance(value, float):
        if 'share' in name or name == 'overhead':
            return f'{value:.1%}'
        return f'{value:.3%}' if name.startswith('within') else f'{value:.4g}'
    return str(value)
