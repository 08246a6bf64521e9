"""Writing a comparison of detectors to files: tables, scores over thresholds, a plot."""
from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from ..evaluation.confidence import (
    AVERAGE_PRECISION,
    SCORE_FIGURES,
    Intervals,
    intervals_of,
    scores_interval,
)
from ..evaluation.figures import (
    SCORE_COUNTS,
    SCORE_RATES,
    UNKNOWN,
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
RANKING = (AVERAGE_PRECISION, *(f'{name}_{end}' for name in (*SCORE_FIGURES, AVERAGE_PRECISION)
                                for end in ('low', 'high')))


def write_comparison(comparison: DetectorComparison, out_dir: str | Path, settings: dict) -> None:
    """Write a comparison into a folder.

    The files are ``comparison.md`` (the paper's Table 1, and the best thresholds),
    ``comparison.csv`` (a row for each detector), ``sweep.csv`` (a row for each threshold),
    ``images.csv`` (a row for each image and detector), ``comparison.json`` (everything but the
    images' rows) and ``precision_recall.png``.

    Args:
        comparison (DetectorComparison): The result.
        out_dir (str | Path): Made if missing; files of these names are replaced.
        settings (dict): The settings of the run, for ``comparison.json``.

    Raises:
        OSError: If ``out_dir`` cannot be written.
    """
    out_dir = make_output_folder(out_dir)
    write_bytes(out_dir / PLOT_NAME, draw_precision_recall(_panels(comparison)))
    write_csv(out_dir / TABLE_NAME,
              ('detector', 'threshold', 'labels', *SCORES, *RANKING, 'seconds_per_image'),
              (_row(comparison, standing) for standing in comparison.standings))
    write_csv(out_dir / SWEEP_NAME, ('detector', 'threshold', 'own', *SCORES),
              _sweep_rows(comparison))
    write_csv(out_dir / IMAGES_NAME, ('image', 'detector', *SCORES, 'error'),
              (dict(score_figures(image.scores) if image.scores else {}, image=image.image,
                    detector=image.detector, error=image.error) for image in comparison.images))
    write_json(out_dir / JSON_NAME, dict(settings, **comparison_figures(comparison)))
    write_text(out_dir / MARKDOWN_NAME, comparison_markdown(comparison))


def comparison_figures(comparison: DetectorComparison) -> dict:
    """Return a comparison as a dict for JSON."""
    return dict(
        p=comparison.p, margin=comparison.margin, images=comparison.num_images,
        skipped=comparison.skipped, unscored=comparison.unscored,
        detectors=[dict(
            _row(comparison, standing), config=standing.contestant.detector.describe(),
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
        ('At the threshold with the highest pixel IoU (over the pixels of all images together), '
         'chosen on these images themselves: the best that the map can do here, not what it will '
         'do on others.'),
        table_of_best(comparison),
        ('95% intervals, by bootstrapping over the images. They tell how much a figure depends '
         'on the choice of images, and nothing about images of another kind. AP is the average '
         'precision of the map, pixel by pixel, before any cleaning of the mask.'),
        table_of_confidence(comparison),
        *_about_equal_recall(comparison),
        f'![Precision and recall over the thresholds]({PLOT_NAME})')) + '\n'


def table_of_detectors(comparison: DetectorComparison) -> str:
    """Return DeSRA's Table 1, each detector at its own threshold, as Markdown."""
    columns = ['detector', 'IoU', 'Precision', 'Recall', 'AP', 's / image']
    rows = [[_name(standing), *_cells(standing.scores), decimal(standing.average_precision),
             decimal(standing.seconds_per_image, 3)]
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


def table_of_confidence(comparison: DetectorComparison) -> str:
    """Return each detector's figures at its own threshold, with their intervals, as Markdown."""
    rows = []
    for standing in comparison.standings:
        found, scores = intervals_of(comparison, standing), standing.scores
        rows.append([_name(standing),
                     between(100 * scores.iou, found['iou'], 1, 100),
                     between(scores.precision, found['precision']),
                     between(scores.recall, found['recall']),
                     between(standing.average_precision, found[AVERAGE_PRECISION])])
    return markdown_table(('detector', 'IoU', 'Precision', 'Recall', 'AP'), rows)


def table_at_recall(comparison: DetectorComparison, recall: float) -> str:
    """Return each detector at its strictest threshold with at least this recall, as Markdown.

    Args:
        comparison (DetectorComparison): The result.
        recall (float): Recall of regions, in [0, 1]. A detector that does not reach it gets
            dashes.
    """
    rows = []
    for standing in comparison.standings:
        point = standing.at_recall(recall)
        if point is None:
            rows.append([_name(standing), *[UNKNOWN] * 3])
            continue
        place = standing.sweep.index(point)
        images = [image.sweep[place].scores
                  for image in comparison.images_of(standing.contestant.name)]
        rows.append([_name(standing), f'{point.threshold:.4g}', decimal(point.scores.recall),
                     between(point.scores.precision, scores_interval(images, 'precision'))])
    return markdown_table(('detector', 'threshold', 'Recall', 'Precision'), rows)


def between(value: float, ends: tuple[float, float], digits: int = 3, unit: float = 1) -> str:
    """Return a figure with its interval, ``'0.138 (0.101 to 0.190)'``."""
    low, high = (decimal(unit * end, digits) for end in ends)
    text = decimal(value, digits)
    return text if UNKNOWN in (text, low) else f'{text} ({low} to {high})'


def _about_equal_recall(comparison: DetectorComparison) -> list[str]:
    first = comparison.standings[0]
    recall = first.scores.recall
    if math.isnan(recall) or not recall:
        return []
    return [(f'At the recall that {_name(first)} has at its own threshold, {recall:.4f}, or the '
             'next higher one among the thresholds tried; chosen on these images themselves:'),
            table_at_recall(comparison, recall)]


def _name(standing: Standing) -> str:
    return standing.contestant.name + ' (with label maps)' * standing.labelled


def _cells(scores: MaskScores) -> list[str]:
    return [decimal(100 * scores.iou, 1), decimal(scores.precision), decimal(scores.recall)]


def _row(comparison: DetectorComparison, standing: Standing) -> dict:
    return dict(detector=standing.contestant.name,
                threshold=standing.contestant.detector.threshold, labels=standing.labelled,
                **score_figures(standing.scores),
                average_precision=known(standing.average_precision),
                **_ends(intervals_of(comparison, standing)),
                seconds_per_image=known(standing.seconds_per_image))


def _ends(intervals: Intervals) -> dict[str, float | None]:
    return {f'{name}_{end}': known(value) for name, ends in intervals.items()
            for end, value in zip(('low', 'high'), ends)}


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
