"""The page that shows the images of a comparison before and after fine-tuning."""
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

NOTE = (f'Outlines: green, {GONE}: nothing is detected in the region any more, and at most half '
        f'of its excess texture over the MSE-SR image is left; amber, {FADED}: nothing is '
        f'detected any more, but more than half is left; red, {LEFT}: an artifact is still '
        'detected.')
TRUTH_NOTE = ('Distances to the truth are inside the masks from before, where lower is nearer: '
              'texture error is the mean difference of the local standard deviations, in grey '
              'levels.')


def write_before_after_page(path: str | Path, title: str, lq_dir: ImageInputs,
                            heldout: str | Path, summary: Iterable[tuple[str, object]] = (),
                            gt_dir: str | Path | None = None, recursive: bool = False,
                            most: int | None = None,
                            sentences: Iterable[str] = ()) -> None:
    """Write the page: the images with the most artifact pixels before come first.

    Args:
        path (str | Path): The HTML file.
        title (str): Its heading.
        lq_dir (str | Path | Sequence): The LR images: a folder, a file, a pattern, or several.
        heldout (str | Path): Where :class:`mmdesra.evaluation.before_after.BeforeAfter` has
            written its pictures and ``results.json``.
        summary (Iterable): (label, value) pairs for the header.
        gt_dir (str | Path, optional): Folder of the ground truths.
        recursive (bool): Whether to read the sub-folders of folders, too.
        most (int, optional): Show so many images at most. Default: all.
        sentences (Iterable[str]): Said before what the colours mean.
    """
    results = read_json(Path(heldout) / RESULTS, _check, 'measure the images again')
    notes = [NOTE, TRUTH_NOTE] if results.get('truth') else [NOTE]
    count = len(results['per_image'])
    if most is not None and count > most:
        notes.insert(0, f'Shown are the {most} of {count} images with the most artifact pixels '
                        'before; the figures are those of all.')
    samples = page_samples(results, lq_dir, heldout, gt_dir, recursive)
    write_page(path, title, summary, islice(samples, most), [*sentences, *notes])


def figure_rows(results: Mapping) -> list[tuple[str, str]]:
    """Return the figures of a comparison as people read them: what ``results.json`` says."""
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
    """Yield what the page shows of each image, read from the files when it is wanted.

    Args:
        results (Mapping): What ``results.json`` says.
        lq_dir (str | Path | Sequence): See :func:`write_before_after_page`, as the following.
        heldout (str | Path): The same.
        gt_dir (str | Path, optional): The same.
        recursive (bool): The same.
    """
    paths = {shown_name(path): path for path in list_inputs(lq_dir, recursive).paths}
    truths = GroundTruths(gt_dir, list(paths.values())) if gt_dir else None
    rows = sorted(results['per_image'].items(), key=lambda row: -row[1]['area_before'])
    for name, row in rows:
        pictures = read_pictures(Path(heldout), name)
        # One that does not fit was reported when the image was measured.
        truth = truths.read(pictures['mse'], paths[name]) if truths and 'truth' in row else None
        yield PageSample(
            name, read_image(paths[name]), pictures['mse'], pictures['gan_before'],
            pictures['mask_before'], pictures['gan_after'],
            list(_facts(row, results.get('perceptual'))), truth,
            [region['fate'] for region in row['regions']],
            list(_region_rows(row['regions'], results.get('perceptual'))))


def _check(results: dict) -> dict:
    for row in results['per_image'].values():
        row['regions']  # which versions before this did not write
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
    """Key, title and digits of the distances that are shown."""
    found = [(texture, 'texture error', 2)]
    return found if perceptual is None else [
        *found, ('perceptual', name_perceptual(perceptual), 3)]


def _number(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else f'{value:.{digits}f}'
