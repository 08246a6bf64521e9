"""The page that shows images before and after fine-tuning."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from ..evaluation.before_after import RESULTS, read_pictures
from ..evaluation.figures import UNKNOWN, percent
from ..evaluation.ground_truths import GroundTruths
from ..evaluation.perceptual import name_perceptual
from ..evaluation.truth_sums import VERSIONS
from ..evaluation.truth_table import TITLES
from ..files import list_inputs, read_image, shown_name
from ..files.listing import ImageInputs
from ..files.records import read_json
from ..ops.fading import FADED, GONE, LEFT
from ..visualization import PageSample, write_page

NOTE = (f'Outlines: green, {GONE}: no artifact is detected in the region any more, and at most '
        f'half of its excess texture over the MSE-SR image is left; amber, {FADED}: no artifact '
        f'is detected any more, but more than half of the excess texture is left; red, {LEFT}: '
        'an artifact is still detected.')
TRUTH_NOTE = ('Distances to the truth are measured inside the masks before fine-tuning; lower is '
              'nearer. Texture error is the mean difference of the local standard deviations, in '
              'grey levels.')


def write_before_after_page(path: str | Path, title: str, lq_dir: ImageInputs,
                            heldout: str | Path, summary: Iterable[tuple[str, object]] = (),
                            gt_dir: str | Path | None = None, recursive: bool = False,
                            most: int | None = None,
                            sentences: Iterable[str] = ()) -> None:
    """Write the page: the images with the most artifact pixels before come first.

    Args:
        path (str | Path): The HTML file.
        title (str): The page's heading.
        lq_dir (str | Path | Sequence): The LR images: a folder, a file, a pattern, or several.
        heldout (str | Path): The folder with the pictures and the ``results.json`` of
            :class:`mmdesra.evaluation.before_after.BeforeAfter`.
        summary (Iterable): (label, value) pairs for the header.
        gt_dir (str | Path, optional): Folder of the ground truths.
        recursive (bool): Whether to read the sub-folders of folders, too.
        most (int, optional): Show at most this many images. Default: all.
        sentences (Iterable[str]): Notes above the legend of colours.
    """
    results = read_json(Path(heldout) / RESULTS, _check, 'measure the images again')
    notes = [NOTE, TRUTH_NOTE] if results.get('truth') else [NOTE]
    count = len(results['per_image'])
    if most is not None and count > most:
        notes.insert(0, f'Shown are the {most} of {count} images that had the most artifact '
                        'pixels before; the figures are for all images.')
    samples = page_samples(results, lq_dir, heldout, gt_dir, recursive)
    write_page(path, title, summary, islice(samples, most), [*sentences, *notes])


def figure_rows(results: Mapping) -> list[tuple[str, str]]:
    """Return the figures of ``results.json`` as (label, text) pairs."""
    def rate(value: float | None) -> str:
        return 'nothing found' if value is None else f'{value:.2%}'

    return [
        ('held-out images', str(results['images'])),
        ('regions', f'{results["regions_before"]} -> {results["regions_after"]}'),
        ('artifact area, px', f'{results["area_before"]} -> {results["area_after"]}'),
        ('removal rate', rate(results['removal_rate'])),
        ('addition rate', rate(results['addition_rate'])),
        ('gone, faded, left', f'{results["gone"]}, {results["faded"]}, {results["left"]}'),
        ('excess left', percent(results['excess_left'])),
        ('detail kept', f'{results["detail_kept"]:.3f}'),
    ]


def page_samples(results: Mapping, lq_dir: ImageInputs, heldout: str | Path,
                 gt_dir: str | Path | None = None,
                 recursive: bool = False) -> Iterator[PageSample]:
    """Yield what the page shows of each image; its files are read only then.

    Args:
        results (Mapping): The content of ``results.json``.
        lq_dir (str | Path | Sequence): See :func:`write_before_after_page`.
        heldout (str | Path): See :func:`write_before_after_page`.
        gt_dir (str | Path, optional): See :func:`write_before_after_page`.
        recursive (bool): See :func:`write_before_after_page`.
    """
    paths = {shown_name(path): path for path in list_inputs(lq_dir, recursive).paths}
    truths = GroundTruths(gt_dir, list(paths.values())) if gt_dir else None
    rows = sorted(results['per_image'].items(), key=lambda row: -row[1]['area_before'])
    for name, row in rows:
        pictures = read_pictures(Path(heldout), name)
        # A ground truth that does not fit was reported when the image was measured.
        truth = truths.read(pictures['mse'], paths[name]) if truths and 'truth' in row else None
        yield PageSample(
            name, read_image(paths[name]), pictures['mse'], pictures['gan_before'],
            pictures['mask_before'], pictures['gan_after'],
            list(_facts(row, results.get('perceptual'))), truth,
            [region['fate'] for region in row['regions']],
            list(_region_rows(row['regions'], results.get('perceptual'))))


def _check(results: dict) -> dict:
    for row in results['per_image'].values():
        row['regions']  # older versions did not write it
    return results


def _facts(row: Mapping, perceptual: Mapping | None) -> Iterator[tuple[str, str]]:
    yield 'regions', f'{row["before"]} → {row["after"]}'
    yield 'artifact px', f'{row["area_before"]} → {row["area_after"]}'
    if row['before']:
        yield 'excess left', percent(row['excess_left'], 0)
    if 'truth' not in row or not row['before']:
        return
    inside = row['truth']['inside']
    for key, title, digits in _measures(perceptual, 'texture_error'):
        before, after, reference = (_number(inside[version][key], digits)
                                    for version in ('before', 'after', 'reference'))
        yield f'{title} to the truth', f'{before} → {after} (MSE-SR {reference})'


def _region_rows(regions: Iterable[Mapping], perceptual: Mapping | None) -> Iterator[list[str]]:
    regions = list(regions)
    measures = [measure for measure in _measures(perceptual, 'texture')
                if regions and measure[0] in regions[0]]
    yield ['x, y', 'size, px', 'area, px', 'became', 'excess left',
           *(f'{title}: {TITLES[version]}' for _, title, _ in measures for version in VERSIONS)]
    for region in regions:
        x, y, width, height = region['box']
        yield [f'{x}, {y}', f'{width} × {height}', str(region['area']), region['fate'],
               percent(region['excess_left'], 0),
               *(_number(region[key].get(version), digits) for key, _, digits in measures
                 for version in VERSIONS)]


def _measures(perceptual: Mapping | None, texture: str) -> list[tuple[str, str, int]]:
    """Return key, title and number of decimals of each distance that is shown."""
    found = [(texture, 'texture error', 2)]
    return found if perceptual is None else [
        *found, ('perceptual', name_perceptual(perceptual), 3)]


def _number(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else f'{value:.{digits}f}'
