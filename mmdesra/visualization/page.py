"""One self-contained HTML page that compares LR, MSE-SR, GAN-SR, GAN-SR after and the truth."""
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from ..files import atomic_path
from .checks import check_versions
from .crop import crop_around, crop_scaled
from .embed import data_uri, definitions, read_template
from .fates import draw_fates, fate_legend, masks_of_fates
from .overlay import draw_overlay

SAMPLES_MARK = '<!-- samples -->'


@dataclass(frozen=True, eq=False)
class PageSample:
    """The pictures of one image and the facts shown with them.

    Args:
        name: Heading, such as the file name.
        lq: LR image, uint8 (h, w, 3), RGB; shown at the SR images' size.
        mse: MSE-SR image, uint8 (H, W, 3), RGB.
        gan: GAN-SR image, as ``mse``.
        mask: Artifacts of ``gan``, bool (H, W).
        after: GAN-SR image after fine-tuning, as ``mse``; None leaves this picture out.
        truth: Ground truth, as ``mse``; None leaves this picture out.
        facts: (label, value) pairs shown below the heading, as ('regions', '3 → 0').
        fates: What became of each region of ``mask``, see :func:`mmdesra.ops.region_fates`;
            colours its outline. None: all outlines are red.
        regions: A table of the regions, shown on demand: a row of titles, then one per region.

    Raises:
        ValueError: If a dtype or a shape differs from the above; names the sample.
    """
    name: str
    lq: np.ndarray
    mse: np.ndarray
    gan: np.ndarray
    mask: np.ndarray
    after: np.ndarray | None = None
    facts: Sequence[tuple[str, object]] = ()
    truth: np.ndarray | None = None
    fates: Sequence[str] | None = None
    regions: Sequence[Sequence[str]] = ()

    def __post_init__(self) -> None:
        others = {name: image for name, image in dict(
            after=self.after, truth=self.truth).items() if image is not None}
        check_versions(self.name, self.mask, self.mse, lq=self.lq, gan=self.gan, **others)

    def panels(self) -> list[tuple[str, np.ndarray]]:
        """Return (label, image) of the four to six pictures, in the order shown."""
        drawn = (draw_overlay(self.gan, self.mask) if self.fates is None else
                 draw_fates(self.gan, masks_of_fates(self.mask, self.fates)))
        panels = [('LR', self.lq), ('MSE-SR', self.mse), ('GAN-SR', self.gan), ('Mask', drawn)]
        for label, image in (('GAN-SR after', self.after), ('Truth', self.truth)):
            if image is not None:
                panels.append((label, image))
        return panels


def write_page(path: str | os.PathLike,
               title: str,
               summary: Iterable[tuple[str, object]],
               samples: Iterable[PageSample],
               notes: Iterable[str] = (),
               crop_size: int = 96) -> None:
    """Write the comparison page: one HTML file that needs no other file and no network.

    Each sample shows its pictures side by side and, below each, a magnified crop of its largest
    artifact region. A click opens a picture at 100 %, where arrow keys, digits or taps switch
    between the versions at the same position.

    The samples are written one by one, so with a generator only one is in memory. The page
    appears under ``path`` only when it is complete; missing folders are made.

    Args:
        path: The HTML file; an existing one is replaced.
        title: Heading of the page, plain text.
        summary: (label, value) pairs shown in the header, plain text.
        samples: The images to show, in this order.
        notes: Paragraphs below the header, plain text.
        crop_size: Side of the magnified crop in SR px.

    Raises:
        ValueError: If ``crop_size`` is not positive.
        OSError: If the file cannot be written.
    """
    if crop_size < 1:
        raise ValueError(f'expected a positive crop_size, got {crop_size}')
    # Split before filling in, in case a title or note contains the mark.
    head, tail = read_template('page.html').split(SAMPLES_MARK)
    head = Template(head).substitute(
        title=escape(str(title)),
        summary=definitions(summary),
        notes=''.join(f'<p>{escape(str(note))}</p>\n' for note in notes))

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Bytes of a file name that are not UTF-8 become question marks.
    with atomic_path(path) as part, part.open('w', encoding='utf-8', errors='replace') as file:
        file.write(head)
        number = 0
        for number, sample in enumerate(samples, 1):
            file.write(_sample(sample, number, crop_size))
        if not number:
            file.write('<p>No pictures to show.</p>\n')
        file.write(tail)


def _sample(sample: PageSample, number: int, crop_size: int) -> str:
    """Return the <article> of one sample."""
    crop = crop_around(sample.mask, crop_size)
    panels = sample.panels()
    figures = ''.join(_figure(label, image, sample, crop) for label, image in panels)
    return (f'<article id="sample-{number}" data-name="{escape(sample.name)}">\n'
            f'<h2>{escape(sample.name)}</h2>\n{definitions(sample.facts)}'
            f'{fate_legend(sample.fates or ())}'
            f'<div class="panels n{len(panels)}">\n{figures}</div>\n'
            f'{_region_table(sample.regions)}</article>\n')


def _region_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a <details> with a table; empty if there is no row below the titles."""
    if len(rows) < 2:
        return ''
    titles, *others = ([f'{escape(str(cell))}' for cell in row] for row in rows)
    head = ''.join(f'<th>{title}</th>' for title in titles)
    body = ''.join(f'<tr>{"".join(f"<td>{cell}</td>" for cell in row)}</tr>\n' for row in others)
    return (f'<details>\n<summary>Regions</summary>\n<table>\n<thead><tr>{head}</tr></thead>\n'
            f'<tbody>\n{body}</tbody>\n</table>\n</details>\n')


def _figure(label: str, image: np.ndarray, sample: PageSample, crop: tuple[slice, slice]) -> str:
    """Return the <figure> of one version: the whole picture, and the crop below it."""
    height, width = sample.gan.shape[:2]
    detail = crop_scaled(image, crop, (height, width))  # the browser scales the whole LR image
    rows, columns = crop
    middle = (f'data-x="{(columns.start + columns.stop) / 2 / width:.4f}" '
              f'data-y="{(rows.start + rows.stop) / 2 / height:.4f}"')
    frame = (f'left:{100 * columns.start / width:.2f}%;top:{100 * rows.start / height:.2f}%;'
             f'width:{100 * detail.shape[1] / width:.2f}%;'
             f'height:{100 * detail.shape[0] / height:.2f}%')
    alt = f'{escape(sample.name)}: {label}'
    # The small LR image and the magnified crop are PNGs: there JPEG's errors would be seen.
    whole = _picture(image, width, height, alt, lossless=label == 'LR')
    zoom = _picture(detail, detail.shape[1], detail.shape[0], f'{alt}, detail', lossless=True)
    return (f'<figure>\n<figcaption>{label}</figcaption>\n'
            f'<button type="button" class="full">{whole}<i style="{frame}"></i></button>\n'
            f'<button type="button" class="crop" {middle}>{zoom}</button>\n</figure>\n')


def _picture(image: np.ndarray, width: int, height: int, alt: str, lossless: bool) -> str:
    """Return an <img> with its data inside, ``width`` x ``height`` CSS px unless styled."""
    return (f'<img loading="lazy" decoding="async" width="{width}" height="{height}" '
            f'alt="{alt}" src="{data_uri(image, lossless)}">')
