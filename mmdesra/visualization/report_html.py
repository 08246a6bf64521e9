"""A report as HTML, from its rows and pictures."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from string import Template

from ..files.dropped_regions import name_dropped
from .embed import definitions, read_template
from .legend import MapScale, make_legend
from .report_rows import BEYOND, ReportRow
from .report_spool import Pictures, Spool

ROWS_MARK, PICTURES_MARK = '<!-- rows -->\n', '<!-- pictures -->\n'
STATES = ('found', 'With artifacts'), ('clean', 'Without'), ('skipped', 'Skipped')
CELLS = ('Regions', 'Artifact px', 'Share', 'Largest px')


@dataclass(frozen=True)
class Entry:
    """One image of a report: its row and the spool that holds its pictures."""
    row: ReportRow
    spool: Spool

    @property
    def thumb(self) -> str:
        """str: Data URI of the thumbnail, empty if it has none."""
        return self.spool.thumb(self.row.thumb) if self.row.thumb else ''


@dataclass(frozen=True)
class ReportPage:
    """All that stands in a report.

    Args:
        title: Heading, plain text.
        summary: (label, value) pairs of the run's settings.
        scale: How maps are drawn.
        entries: The images, by number.
        note: What is said above all; empty: nothing.
    """
    title: str
    summary: Iterable[tuple[str, object]]
    scale: MapScale
    entries: Mapping[int, Entry]
    note: str = ''

    def parts(self) -> Iterator[bytes]:
        """Yield the file, a piece for each image: sorted by artifact area, skipped ones last.

        Raises:
            InputError: If a spool is damaged.
        """
        # Split before filling in, so that no title or name can be taken for a mark.
        head, rest = read_template('report.html').split(ROWS_MARK)
        middle, tail = rest.split(PICTURES_MARK)
        order = sorted(self.entries, key=self._sort_key)
        most = max((row.share for row in self._rows), default=0)
        yield _bytes(self._head(head))
        for number in order:
            entry = self.entries[number]
            yield _bytes(_table_row(number, entry.row, entry.thumb, most))
        yield _bytes(middle)
        for number in order:
            row, spool = self.entries[number].row, self.entries[number].spool
            if row.pictures:
                yield _bytes(_pictures(number, spool.pictures(row.pictures)))
        yield _bytes(tail)

    @property
    def _rows(self) -> list[ReportRow]:
        return [entry.row for entry in self.entries.values()]

    def _sort_key(self, number: int) -> tuple:
        row = self.entries[number].row
        return row.state == 'skipped', -row.area, number

    def _head(self, template: str) -> str:
        rows = self._rows
        beyond = {name: any(name in row.beyond for row in rows) for name in BEYOND}
        return Template(template).substitute(
            title=escape(str(self.title)),
            notes=f'<p class="note">{escape(self.note)}</p>\n' if self.note else '',
            totals=definitions(_totals(rows)),
            summary=definitions([*self.summary, *_dropped(rows)]),
            legend=make_legend(self.scale, **beyond),
            states=_state_choices(rows),
            hint='Select an image to see its versions.' if rows else 'No images.')


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


def _pictures(number: int, pictures: Pictures) -> str:
    """What a browser needs to open an image: as text, so that nothing is decoded before."""
    meta = dict(facts=pictures.facts, views=[
        dict(key=view.key, label=view.label, width=view.size[1], height=view.size[0],
             shown=view.shown, focus=[round(share, 4) for share in view.focus],
             kinds=list(view.pictures), outline=view.outline) for view in pictures.views])
    # Inside a script nothing but its end tag is markup.
    text = json.dumps(meta).replace('<', '\\u003c')
    parts = [f'<script type="application/json" id="meta-{number}">{text}</script>\n']
    for view in pictures.views:
        parts += [f'<script type="text/plain" id="picture-{number}-{view.key}-{key}">{uri}'
                  f'</script>\n' for key, uri in view.pictures.items()]
    return ''.join(parts)


def _table_row(number: int, row: ReportRow, thumb: str, most: float) -> str:
    """The <tbody> of one image; ``most`` is the largest share, at which its bar is full."""
    name, share = escape(row.name), row.share
    if row.error:
        cells = (f'<td role="cell" colspan="4" aria-colspan="4">skipped: {escape(row.error)}'
                 f'</td>\n')
    else:
        texts = [f'{len(row.areas):,}', f'{row.area:,}', _percent(row.area, row.pixels),
                 f'{row.largest:,}']
        cells = ''.join(f'<td role="cell" data-label="{label}">{escape(text)}'
                        f'{_bar(share / most) if label == "Share" and share else ""}</td>\n'
                        for label, text in zip(CELLS, texts))
    image = f'<img alt="" width="72" height="48" data-src="{thumb}">' if thumb else ''
    tag, options = (('button', ' type="button" aria-expanded="false"') if row.pictures else
                    ('div', ''))
    return (f'<tbody role="rowgroup" class="{row.state}{" pictured" if row.pictures else ""}" '
            f'data-number="{number}" data-name="{name}" data-regions="{len(row.areas)}" '
            f'data-area="{row.area}" data-share="{share:.8f}" '
            f'data-largest="{row.largest}">\n'
            f'<tr class="row" role="row"><th scope="row" role="rowheader">'
            f'<{tag} class="name"{options}>{image}<span>{name}</span></{tag}></th>\n'
            f'{cells}</tr></tbody>\n')


def _bar(share: float) -> str:
    return f'<span class="bar"><i style="--share:{100 * share:.1f}%"></i></span>'


def _percent(part: int, whole: int) -> str:
    """A share for people: what is not nothing does not read as 0."""
    share = 100 * part / whole if whole else 0.0
    return '< 0.01 %' if 0 < share < 0.01 else f'{share:.2f} %' if share < 10 else f'{share:.1f} %'


def _bytes(text: str) -> bytes:
    # A file name may hold bytes that are no text: a question mark must not cost the report.
    return text.encode('utf-8', 'replace')
