"""A report as HTML, from its rows and the files beside it."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from ..files import atomic_path
from ..files.dropped_regions import name_dropped
from .embed import definitions, read_template
from .legend import MapScale, make_legend
from .report_files import FOLDER_SIZE, ReportFiles
from .report_rows import BEYOND, ReportRow
from .report_words import WORDS

ROWS_MARK, PICTURES_MARK = '<!-- rows -->\n', '<!-- pictures -->\n'
STATES = ('found', 'With artifacts'), ('clean', 'Without'), ('skipped', 'Skipped')
CELLS = ('Regions', 'Artifact px', 'Share', 'Largest px', 'Strength')

PAGE_ROWS = 250
"""Images of the table that are shown at a time; those of the first page stand in the file."""

PAGE_BYTES = 2**24
"""What the pictures of the worst images may take of the file."""


@dataclass(frozen=True)
class ReportPage:
    """All that stands in a report.

    Args:
        title: Heading, plain text.
        summary: (label, value) pairs of the run's settings.
        scale: How maps are drawn.
        rows: The images, by number.
        files: Where their pictures are.
        note: What is said above all; empty: nothing.
        words: (word, explanation) pairs, beside those that every report has.
    """
    title: str
    summary: Iterable[tuple[str, object]]
    scale: MapScale
    rows: Mapping[int, ReportRow]
    files: ReportFiles
    note: str = ''
    words: Iterable[tuple[str, str]] = ()

    def write(self, path: Path, keep_all: bool = False) -> None:
        """Write the page and, where it does not hold all, the table beside it.

        Args:
            path: The HTML file.
            keep_all: Whether the files beside it stay that the page has no need of.

        Raises:
            InputError: If a file of pictures is damaged.
            OSError: If something cannot be read or written.
        """
        order = sorted(self.rows, key=self._sort_key)
        first = order[:PAGE_ROWS]
        inside = self._fitting(first)
        table = ''
        if len(order) > len(first):
            table = self.files.put_rows(_record(number, self.rows[number]) for number in order)
        with atomic_path(path) as part, part.open('wb') as file:
            file.writelines(self._parts(first, inside, table))
        self.files.keep_rows(table)
        if not keep_all:
            done = {number for number in order if not self.rows[number].error}
            self.files.keep(done.difference(first), {
                number for number in done.difference(inside) if self.rows[number].pictures})

    def _fitting(self, order: list[int]) -> list[int]:
        """Return the first images whose pictures fit into the page together."""
        room, inside = PAGE_BYTES, []
        for number in order:
            if self.rows[number].pictures:
                room -= self.files.size_of(number)
                if room < 0:
                    break
                inside.append(number)
        return inside

    def _parts(self, order: list[int], inside: list[int], table: str) -> Iterator[bytes]:
        # Split before filling in, so that no title or name can be taken for a mark.
        head, rest = read_template('report.html', beside=True).split(ROWS_MARK)
        middle, tail = rest.split(PICTURES_MARK)
        most = max((row.share for row in self.rows.values()), default=0)
        yield _bytes(self._head(head, table, most))
        for number in order:
            row = self.rows[number]
            yield _bytes(_table_row(number, row, '' if row.error else self.files.thumb(number),
                                    most))
        yield _bytes(middle)
        for number in inside:
            yield _bytes(f'<script type="text/plain" id="pictures-{number}">'
                         f'{self.files.pictures(number)}</script>\n')
        yield _bytes(tail)

    def _sort_key(self, number: int) -> tuple:
        row = self.rows[number]
        return row.state == 'skipped', -row.area, number

    def _head(self, template: str, table: str, most: float) -> str:
        rows = list(self.rows.values())
        beyond = {name: any(name in row.beyond for row in rows) for name in BEYOND}
        return Template(template).substitute(
            title=escape(str(self.title)),
            notes=f'<p class="note">{escape(self.note)}</p>\n' if self.note else '',
            totals=definitions(_totals(rows)),
            summary=definitions([*self.summary, *_dropped(rows)]),
            words=definitions([*WORDS, *self.words]),
            legend=make_legend(self.scale, **beyond),
            states=_state_choices(rows),
            hint='Select an image to see its versions.' if rows else 'No images.',
            total=len(rows), page=PAGE_ROWS, most=f'{most:.8f}', rows=table,
            files=escape(quote(self.files.folder.name)), folder_size=FOLDER_SIZE)


def _totals(rows: list[ReportRow]) -> list[tuple[str, str]]:
    done = [row for row in rows if not row.error]
    found = [row for row in done if row.areas]
    area, pixels = (sum(getattr(row, key) for row in done) for key in ('area', 'pixels'))
    return [
        ('images', f'{len(done):,}'),
        ('with artifacts', f'{len(found):,} ({_percent(len(found), len(done))})'),
        ('regions', f'{sum(len(row.areas) for row in found):,}'),
        ('artifact px', f'{area:,}'),
        ('artifact share', _percent(area, pixels)),
        ('skipped', f'{len(rows) - len(done):,}'),
    ]


def _dropped(rows: list[ReportRow]) -> list[tuple[str, str]]:
    about = name_dropped((row.name, row.largest_dropped) for row in rows)
    return [('dropped for size', about)] if about else []


def _state_choices(rows: list[ReportRow]) -> str:
    counts = {state: sum(row.state == state for row in rows) for state, _ in STATES}
    choices = [('', 'All', len(rows))]
    choices += [(state, label, counts[state]) for state, label in STATES if counts[state]]
    return ''.join(
        f'<label><input type="radio" name="state" value="{state}"{" checked" * (not state)}>'
        f'<span>{label} <small>{count:,}</small></span></label>\n'
        for state, label, count in choices)


def _record(number: int, row: ReportRow) -> list:
    """A row of the table beside the page, in the order in which ``report_table.js`` reads it."""
    return [number, row.shown_name, row.state, len(row.areas), row.area, row.pixels, row.largest,
            _strength(row), int(row.pictures), row.error]


def _table_row(number: int, row: ReportRow, thumb: str, most: float) -> str:
    """The <tbody> of one image; ``most`` is the largest share, at which its bar is full.

    ``report_table.js`` makes the same of a record.
    """
    name, share = escape(row.shown_name), row.share
    if row.error:
        cells = (f'<td role="cell" colspan="5" aria-colspan="5">skipped: {escape(row.error)}'
                 f'</td>\n')
    else:
        texts = [f'{len(row.areas):,}', f'{row.area:,}', _percent(row.area, row.pixels),
                 f'{row.largest:,}', '–' if row.strength is None else f'{row.strength:.2f}']
        cells = ''.join(f'<td role="cell" data-label="{label}">{escape(text)}'
                        f'{_bar(share / most) if label == "Share" and share else ""}</td>\n'
                        for label, text in zip(CELLS, texts))
    image = f'<img alt="" width="72" height="48" data-src="{thumb}">' if thumb else ''
    tag, options = (('button', ' type="button" aria-expanded="false"') if row.pictures else
                    ('div', ''))
    strength = _strength(row)
    return (f'<tbody role="rowgroup" class="{row.state}{" pictured" if row.pictures else ""}" '
            f'data-number="{number}" data-name="{name}" data-state="{row.state}" '
            f'data-regions="{len(row.areas)}" data-area="{row.area}" data-pixels="{row.pixels}" '
            f'data-largest="{row.largest}" '
            f'data-strength="{"" if strength is None else strength}">\n'
            f'<tr class="row" role="row"><th scope="row" role="rowheader">'
            f'<{tag} class="name"{options}>{image}<span>{name}</span></{tag}></th>\n'
            f'{cells}</tr></tbody>\n')


def _strength(row: ReportRow) -> float | None:
    return None if row.strength is None else round(row.strength, 3)


def _bar(share: float) -> str:
    return f'<span class="bar"><i style="--share:{100 * share:.1f}%"></i></span>'


def _percent(part: int, whole: int) -> str:
    """A share for people: what is not nothing does not read as 0."""
    share = 100 * part / whole if whole else 0.0
    return '< 0.01 %' if 0 < share < 0.01 else f'{share:.2f} %' if share < 10 else f'{share:.1f} %'


def _bytes(text: str) -> bytes:
    # A file name may hold bytes that are no text: a question mark must not cost the report.
    return text.encode('utf-8', 'replace')
