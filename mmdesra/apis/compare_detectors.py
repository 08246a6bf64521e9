"""Writing down a comparison of detectors: tables, a sweep, a plot."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..evaluation.figures import (
    SCORE_COUNTS,
    SCORE_RATES,
    decimal,
    known,
    score_figures,
)
from ..evaluation.standings import DetectorComparison, Standing
from ..files import make_output_folder, write_bytes, write_text
from ..files.tables import markdown_table, write_csv, write_json
from ..ops import MaskScores
from ..visualization.precision_recall import Curve, draw_precision_recall

MARKDOWN_NAME = 'comparison.md'
TABLE_NAME = 'comparison.csv'
JSON_NAME = 'comparison.json'
SWEEP_NAME = 'sweep.csv'
IMAGES_NAME = 'images.csv'
PLOT_NAME = 'precision_recall.png'

SCORES = (*SCORE_RATES, *SCORE_COUNTS)


def write_comparison(comparison: DetectorComparison, out_dir: str | Path, settings: dict) -> None:
    """Write a comparison into a folder.

    ``comparison.md`` (the paper's Table 1, and the best thresholds), ``comparison.csv`` (a row a
    detector), ``sweep.csv`` (a row a threshold), ``images.csv`` (a row an image and detector),
    ``comparison.json`` (all but the images' rows), ``precision_recall.png``.

    Args:
        comparison (DetectorComparison): The result.
        out_dir (str | Path): Made if missing; files of these names are replaced.
        settings (dict): What was compared, for ``comparison.json``.

    Raises:
        OSError: If ``out_dir`` cannot be written.
    """
    out_dir = make_output_folder(out_dir)
    write_bytes(out_dir / PLOT_NAME, draw_precision_recall(_panels(comparison)))
    write_csv(out_dir / TABLE_NAME,
              ('detector', 'threshold', 'labels', *SCORES, 'seconds_per_image'),
              map(_row, comparison.standings))
    write_csv(out_dir / SWEEP_NAME, ('detector', 'threshold', 'own', *SCORES),
              _sweep_rows(comparison))
    write_csv(out_dir / IMAGES_NAME, ('image', 'detector', *SCORES, 'error'),
              (dict(score_figures(image.scores) if image.scores else {}, image=image.image,
                    detector=image.detector, error=image.error) for image in comparison.images))
    write_json(out_dir / JSON_NAME, dict(settings, **comparison_figures(comparison)))
    write_text(out_dir / MARKDOWN_NAME, comparison_markdown(comparison))


def comparison_figures(comparison: DetectorComparison) -> dict:
    """Return a comparison as plain figures, for JSON."""
    return dict(
        p=comparison.p, margin=comparison.margin, images=comparison.num_images,
        skipped=comparison.skipped, unscored=comparison.unscored,
        detectors=[dict(
            _row(standing), config=standing.contestant.detector.describe(),
            best=dict(threshold=standing.best.threshold, **score_figures(standing.best.scores)),
            sweep=[dict(threshold=point.threshold, **score_figures(point.scores))
                   for point in standing.sweep]) for standing in comparison.standings])


def comparison_markdown(comparison: DetectorComparison) -> str:
    """Return the text of ``comparison.md``."""
    scores = comparison.standings[0].scores
    return '\n\n'.join((
        f'{comparison.num_images} images with {scores.gt_regions} known regions; '
        f'{scores.clean_images} images are clean'
        + f', {len(comparison.skipped)} more were skipped' * bool(comparison.skipped)
        + '. IoU in percent, the mean over the images (1 for a clean image where nothing is '
        'detected); precision and recall count regions, pooled over the images, with '
        f'p = {comparison.p:g}.',
        table_of_detectors(comparison),
        ('With the threshold of the highest pixel IoU (all images as if they were one), chosen on '
         'these very images: what the map could do, not what it will do on others.'),
        table_of_best(comparison),
        f'![Precision and recall over the thresholds]({PLOT_NAME})')) + '\n'


def table_of_detectors(comparison: DetectorComparison) -> str:
    """Return DeSRA's Table 1, each detector at its own threshold, as Markdown."""
    columns = ['detector', 'IoU', 'Precision', 'Recall', 's / image']
    rows = [[_name(standing), *_cells(standing.scores), decimal(standing.seconds_per_image, 3)]
            for standing in comparison.standings]
    if comparison.standings[0].scores.clean_images:
        columns += ['clean images kept', 'IoU of the others']
        rows = [[*row, f'{one.scores.clean_right} / {one.scores.clean_images}',
                 decimal(100 * one.scores.artifact_iou, 1)]
                for row, one in zip(rows, comparison.standings)]
    return markdown_table(columns, rows)


def table_of_best(comparison: DetectorComparison) -> str:
    """Return each detector at its best threshold, as Markdown."""
    return markdown_table(
        ('detector', 'own threshold', 'best threshold', 'pixel IoU', 'IoU', 'Precision', 'Recall'),
        [[_name(standing), f'{standing.contestant.detector.threshold:.4g}',
          f'{standing.best.threshold:.4g}', decimal(100 * standing.best.scores.pixel_iou, 1),
          *_cells(standing.best.scores)] for standing in comparison.standings])


def _name(standing: Standing) -> str:
    return standing.contestant.name + ' (with label maps)' * standing.labelled


def _cells(scores: MaskScores) -> list[str]:
    return [decimal(100 * scores.iou, 1), decimal(scores.precision), decimal(scores.recall)]


def _row(standing: Standing) -> dict:
    return dict(detector=standing.contestant.name,
                threshold=standing.contestant.detector.threshold, labels=standing.labelled,
                **score_figures(standing.scores),
                seconds_per_image=known(standing.seconds_per_image))


def _sweep_rows(comparison: DetectorComparison) -> Iterator[dict]:
    for standing in comparison.standings:
        for point in standing.sweep:
            yield dict(score_figures(point.scores), detector=standing.contestant.name,
                       threshold=point.threshold,
                       own=point.threshold == standing.contestant.detector.threshold)


def _panels(comparison: DetectorComparison) -> dict[str, list[Curve]]:
    return {title: [_curve(standing, prefix) for standing in comparison.standings]
            for title, prefix in (('Regions', ''), ('Pixels', 'pixel_'))}


def _curve(standing: Standing, prefix: str) -> Curve:
    recalls, precisions = ([getattr(point.scores, prefix + rate) for point in standing.sweep]
                           for rate in ('recall', 'precision'))
    own = [point.threshold for point in standing.sweep].index(
        standing.contestant.detector.threshold)
    return Curve(_name(standing), recalls, precisions, own)
