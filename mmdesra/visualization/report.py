"""The report of a run: one self-contained HTML file with a table and every image's pictures."""
from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from string import Template
from types import TracebackType
from typing import BinaryIO

import numpy as np
import torch

from ..files import atomic_path
from ..ops import label_regions
from .checks import check_map, check_versions
from .embed import definitions, read_template
from .legend import MapScale, make_legend
from .views import View, make_views

ROWS_MARK, PICTURES_MARK = '<!-- rows -->\n', '<!-- pictures -->\n'
MAX_SIDE = 1600
STATES = ('found', 'With artifacts'), ('clean', 'Without'), ('skipped', 'Skipped')
CELLS = ('Regions', 'Artifact px', 'Share', 'Largest px')


@dataclass(frozen=True, eq=False)
class ReportSample:
    """The pictures of one image.

    Args:
        name: Its name in the table, such as the file name.
        gan: GAN-SR image, uint8 (H, W, 3), RGB.
        mse: MSE-SR image, as ``gan``.
        map: Artifact map, float (H, W), in the detector's unit; NaN where there is no score.
        mask: Artifacts, bool (H, W).
        lq: LR image, uint8 (h, w, 3), RGB; shown at the SR images' size. None: there is none.
        facts: More (label, value) pairs to be shown with it.

    Raises:
        ValueError: If a dtype or a shape differs from the above; the message names the sample.
    """
    name: str
    gan: np.ndarray
    mse: np.ndarray
    map: np.ndarray
    mask: np.ndarray
    lq: np.ndarray | None = None
    facts: Sequence[tuple[str, object]] = ()

    def __post_init__(self) -> None:
        lq = {} if self.lq is None else {'lq': self.lq}
        check_versions(self.name, self.mask, self.mse, gan=self.gan, **lq)
        check_map(self.map, self.mask.shape, f"'map' of {self.name!r}")

    def versions(self) -> dict[str, np.ndarray]:
        """The pictures and the map by the names of the arguments, without an LR image if none."""
        versions = dict(gan=self.gan, mse=self.mse, map=self.map)
        return versions if self.lq is None else dict(versions, lq=self.lq)


@dataclass(frozen=True)
class _Row:
    """One line of the table; ``thumb`` and ``pictures`` are (start, length) in the spool."""
    name: str
    pixels: int = 0
    areas: tuple[int, ...] = ()
    thumb: tuple[int, int] | None = None
    pictures: tuple[int, int] | None = None
    error: str = ''

    @property
    def area(self) -> int:
        return sum(self.areas)

    def moved_by(self, length: int) -> _Row:
        """The same line after ``length`` other bytes in the spool."""
        def moved(place: tuple[int, int] | None) -> tuple[int, int] | None:
            return None if place is None else (place[0] + length, place[1])
        return replace(self, thumb=moved(self.thumb), pictures=moved(self.pictures))

    @property
    def state(self) -> str:
        return 'skipped' if self.error else 'found' if self.areas else 'clean'


@dataclass(frozen=True)
class ReportPart:
    """What one of several processes has added to a report.

    Args:
        pictures: The file that they wait in.
        rows: Lines of the table, by number.
        legend_notes: What the legend must say.
    """
    pictures: Path
    rows: dict[int, _Row]
    legend_notes: dict[str, bool]


class ReportWriter:
    """Writes a report sample by sample: one HTML file that needs no other file and no network.

    The table is sorted by artifact area, whatever the order in which samples arrive, and can be
    sorted by any column and searched. An image opens on a click: LR, MSE-SR, GAN-SR, the map
    with its colour bar, the mask's outline, and a slider between any two of them. The browser
    decodes only pictures that are near the screen.

    The pictures wait in an unnamed file beside ``path`` until the table is known, so memory
    holds one sample and a line for each.

    As a context manager::

        with ReportWriter('report.html', 'A run', [('detector', 'DeSRA')]) as report:
            report.add(ReportSample('a.png', gan, mse, artifact_map, mask))
            report.add_skipped('b.png', 'truncated')

    The report appears under ``path`` when the block ends, complete. Where an error or Ctrl-C ends
    the block, it appears all the same, with what was added so far and a note saying so; with
    nothing added, a file from before stays as it is.

    Args:
        path: The HTML file; an existing one is replaced. Missing folders are made.
        title: Heading, plain text.
        summary: (label, value) pairs of the run's settings. Totals are counted here.
        map_range: Values at the ends of the maps' colour bar, in the detector's unit.
        low_is_artifact: Whether a low value means artifact.
        threshold: Where artifacts begin, in the same unit.
        max_clean: Keep the pictures of at most this many images without artifacts (0 = of none);
            the others are in the table with a thumbnail. None: keep all.
        max_side: Longer side in px above which pictures are shown reduced; the largest region is
            then also shown at full size.
        part: Where several processes make one report, those but one give a file here. It holds
            their pictures until that one has taken them in; they write no report.

    Raises:
        ValueError: If the range is empty or a number not positive.
    """

    def __init__(self,
                 path: str | os.PathLike,
                 title: str,
                 summary: Iterable[tuple[str, object]] = (),
                 map_range: tuple[float, float] = (0.0, 1.0),
                 low_is_artifact: bool = True,
                 threshold: float = 0.7,
                 max_clean: int | None = None,
                 max_side: int = MAX_SIDE,
                 part: str | os.PathLike | None = None) -> None:
        if max_side < 1 or (max_clean is not None and max_clean < 0):
            raise ValueError('expected a positive max_side and a max_clean of 0 or more, '
                             f'got {max_side} and {max_clean}')
        self.path = Path(path)
        self._title = title
        self._summary = list(summary)
        self._scale = MapScale(*map_range, low_is_artifact, threshold)
        self._max_clean = max_clean
        self._max_side = max_side
        self._part = None if part is None else Path(part)
        self._rows: dict[int, _Row] = {}
        self._legend_notes = dict(below=False, above=False, unknown=False)

    def __enter__(self) -> ReportWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._spool: BinaryIO = (tempfile.TemporaryFile(dir=self.path.parent)
                                 if self._part is None else self._part.open('w+b'))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with self._spool:
            if self._part is not None:
                self._part.unlink(missing_ok=True)
            elif kind is None or self._rows:
                self._write(kind)

    def add(self, sample: ReportSample, number: int | None = None) -> None:
        """Add an image.

        Args:
            sample: The image.
            number: Decides the order of images with the same area. Default: as they are added.

        Raises:
            OSError: If the disk is full.
        """
        areas = label_regions(torch.from_numpy(sample.mask)).areas.tolist()
        views, thumb = make_views(sample.versions(), sample.mask, self._scale, self._max_side)
        self._note_range(sample.map)
        keep = areas or self._max_clean is None or self._max_clean > sum(
            row.state == 'clean' for row in self._rows.values())
        number = len(self._rows) if number is None else number
        self._rows[number] = _Row(
            sample.name, sample.mask.size, tuple(areas), self._put(thumb),
            self._put(_pictures(number, views, sample.facts)) if keep else None)

    def add_skipped(self, name: str, reason: str, number: int | None = None) -> None:
        """Add an image that could not be used, and why; ``number`` as for :meth:`add`."""
        number = len(self._rows) if number is None else number
        self._rows[number] = _Row(name, error=reason or 'no reason given')

    def hand_over(self) -> ReportPart:
        """Return what another process takes in.

        Raises:
            ValueError: If this writer was made without a ``part``.
        """
        if self._part is None:
            raise ValueError("expected a report's part, got the report")
        self._spool.flush()
        return ReportPart(self._part, self._rows, self._legend_notes)

    def take_in(self, part: ReportPart) -> None:
        """Add what another process hands over; its numbers must be others.

        Raises:
            OSError: If its file cannot be read, or the disk is full.
        """
        start = self._spool.seek(0, os.SEEK_END)
        with part.pictures.open('rb') as pictures:
            shutil.copyfileobj(pictures, self._spool)
        self._rows.update((number, row.moved_by(start)) for number, row in part.rows.items())
        for name, is_true in part.legend_notes.items():
            self._legend_notes[name] |= is_true

    def _put(self, text: str) -> tuple[int, int]:
        """Append to the spool; returns (start, length)."""
        start = self._spool.seek(0, os.SEEK_END)
        return start, self._spool.write(_bytes(text))

    def _get(self, place: tuple[int, int]) -> bytes:
        self._spool.seek(place[0])
        return self._spool.read(place[1])

    def _note_range(self, artifact_map: np.ndarray) -> None:
        low, high = np.fmin.reduce(artifact_map, None), np.fmax.reduce(artifact_map, None)
        self._legend_notes['below'] |= bool(low < self._scale.low)
        self._legend_notes['above'] |= bool(high > self._scale.high)
        self._legend_notes['unknown'] |= bool(np.isnan(artifact_map).any())

    def _write(self, stopped_by: type[BaseException] | None) -> None:
        # Split before filling in, so that no title or name can be taken for a mark.
        head, rest = read_template('report.html').split(ROWS_MARK)
        middle, tail = rest.split(PICTURES_MARK)
        order = sorted(self._rows, key=self._sort_key)
        most = max((_share(row) for row in self._rows.values()), default=0)
        with atomic_path(self.path) as part, part.open('wb') as file:
            file.write(_bytes(self._head(head, stopped_by)))
            for number in order:
                row = self._rows[number]
                thumb = self._get(row.thumb).decode('ascii') if row.thumb else ''
                file.write(_bytes(_table_row(number, row, thumb, most)))
            file.write(_bytes(middle))
            for number in order:
                pictures = self._rows[number].pictures
                if pictures:
                    file.write(self._get(pictures))
            file.write(_bytes(tail))

    def _sort_key(self, number: int) -> tuple:
        row = self._rows[number]
        return row.state == 'skipped', -row.area, number

    def _head(self, template: str, stopped_by: type[BaseException] | None) -> str:
        notes = []
        if stopped_by is not None:
            notes.append(f'This run was stopped before its end ({stopped_by.__name__}): the '
                         f'report holds the {len(self._rows)} images done until then.')
        return Template(template).substitute(
            title=escape(str(self._title)),
            notes=''.join(f'<p class="note">{escape(note)}</p>\n' for note in notes),
            totals=definitions(self._totals()),
            summary=definitions(self._summary),
            legend=make_legend(self._scale, **self._legend_notes),
            states=self._state_choices(),
            hint='Select an image to see its versions.' if self._rows else 'No images.')

    def _totals(self) -> list[tuple[str, str]]:
        done = [row for row in self._rows.values() if not row.error]
        found = [row for row in done if row.areas]
        area, pixels = (sum(getattr(row, key) for row in done) for key in ('area', 'pixels'))
        return [
            ('images', f'{len(done):,}'),
            ('with artifacts', f'{len(found):,} ({_percent(len(found), len(done))})'),
            ('regions', f'{sum(len(row.areas) for row in found):,}'),
            ('artifact px', f'{area:,}'),
            ('artifact share', _percent(area, pixels)),
            ('skipped', f'{len(self._rows) - len(done):,}'),
        ]

    def _state_choices(self) -> str:
        counts = {state: sum(row.state == state for row in self._rows.values())
                  for state, _ in STATES}
        choices = [('', 'All', len(self._rows))]
        choices += [(state, label, counts[state]) for state, label in STATES if counts[state]]
        return ''.join(
            f'<label><input type="radio" name="state" value="{state}"{" checked" * (not state)}>'
            f'<span>{label} <small>{count:,}</small></span></label>\n'
            for state, label, count in choices)


def _pictures(number: int, views: Sequence[View], facts: Iterable[tuple[str, object]]) -> str:
    """What a browser needs to open an image: as text, so that nothing is decoded before."""
    meta = dict(facts=[[str(label), str(value)] for label, value in facts], views=[
        dict(key=view.key, label=view.label, width=view.size[1], height=view.size[0],
             shown=view.shown, focus=[round(share, 4) for share in view.focus],
             kinds=list(view.pictures), outline=view.outline) for view in views])
    # Inside a script nothing but its end tag is markup.
    text = json.dumps(meta).replace('<', '\\u003c')
    parts = [f'<script type="application/json" id="meta-{number}">{text}</script>\n']
    for view in views:
        parts += [f'<script type="text/plain" id="picture-{number}-{view.key}-{key}">{uri}'
                  f'</script>\n' for key, uri in view.pictures.items()]
    return ''.join(parts)


def _table_row(number: int, row: _Row, thumb: str, most: float) -> str:
    """The <tbody> of one image; ``most`` is the largest share, at which its bar is full."""
    name, share = escape(row.name), _share(row)
    if row.error:
        cells = (f'<td role="cell" colspan="4" aria-colspan="4">skipped: {escape(row.error)}'
                 f'</td>\n')
    else:
        texts = [f'{len(row.areas):,}', f'{row.area:,}', _percent(row.area, row.pixels),
                 f'{max(row.areas, default=0):,}']
        cells = ''.join(f'<td role="cell" data-label="{label}">{escape(text)}'
                        f'{_bar(share / most) if label == "Share" and share else ""}</td>\n'
                        for label, text in zip(CELLS, texts))
    image = f'<img alt="" width="72" height="48" data-src="{thumb}">' if thumb else ''
    tag, options = (('button', ' type="button" aria-expanded="false"') if row.pictures else
                    ('div', ''))
    return (f'<tbody role="rowgroup" class="{row.state}{" pictured" if row.pictures else ""}" '
            f'data-number="{number}" data-name="{name}" data-regions="{len(row.areas)}" '
            f'data-area="{row.area}" data-share="{share:.8f}" '
            f'data-largest="{max(row.areas, default=0)}">\n'
            f'<tr class="row" role="row"><th scope="row" role="rowheader">'
            f'<{tag} class="name"{options}>{image}<span>{name}</span></{tag}></th>\n'
            f'{cells}</tr></tbody>\n')


def _bar(share: float) -> str:
    return f'<span class="bar"><i style="--share:{100 * share:.1f}%"></i></span>'


def _share(row: _Row) -> float:
    return row.area / row.pixels if row.pixels else 0.0


def _percent(part: int, whole: int) -> str:
    """A share for people: what is not nothing does not read as 0."""
    share = 100 * part / whole if whole else 0.0
    return '< 0.01 %' if 0 < share < 0.01 else f'{share:.2f} %' if share < 10 else f'{share:.1f} %'


def _bytes(text: str) -> bytes:
    # A file name may hold bytes that are no text: a question mark must not cost the report.
    return text.encode('utf-8', 'replace')
