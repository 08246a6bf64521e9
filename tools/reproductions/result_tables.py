"""What reproduce_results.py shows of its rows: tables and a curve."""
from __future__ import annotations

import argparse
from collections.abc import Iterator

from result_runs import EMA, MAIN, RUNS

from mmdesra.evaluation.figures import percent
from mmdesra.evaluation.truth_table import truth_table
from mmdesra.files import write_bytes
from mmdesra.files.tables import markdown_table
from mmdesra.visualization.finetune_curve import draw_finetune_curve

FIGURES = ('regions', 'artifact px', 'IoU with before', 'removed', 'of them faded', 'added',
           'excess left', 'detail kept')


def make_tables(args: argparse.Namespace, rows: list[dict]) -> Iterator[str]:
    """Give the tables of all rows as Markdown; the curve of the main run is written."""
    first = next(iter(args.test))
    main = [row for row in rows if row['run'] == MAIN and row['set'] == first]
    main.sort(key=lambda row: row['weights'] != EMA)
    final = [row for row in rows if row['run'] == MAIN and 'niqe' in row]
    if final:
        yield markdown_table(
            ('images', *FIGURES, 'NIQE: MSE-SR', 'GAN-SR before', 'after'),
            ((row['set'], *figures_of(row), *(f'{value:.2f}' for value in row['niqe'].values()))
             for row in final))
    if main:
        yield markdown_table(('iterations', 'weights', *FIGURES), (
            (str(row['iters']), row['weights'], *figures_of(row)) for row in main))
        if main[0]['regions_before']:
            write_curve(args, main)
    for row in final:
        if row['truth']:
            yield (f'{row["set"]}: {row["truth"]["images"]} images with ground truth\n\n'
                   + truth_table(row['truth'], row['perceptual']))
    variations = [row for row in rows if row['run'] != MAIN]
    if variations:
        yield markdown_table(('variation', 'iterations', 'images', *FIGURES), (
            (RUNS[row['run']].title, str(row['iters']), row['set'], *figures_of(row))
            for row in variations))


def figures_of(row: dict) -> list[str]:
    """Return the cells of :data:`FIGURES`."""
    return [f'{row["regions_before"]} -> {row["regions_after"]}',
            f'{row["area_before"]} -> {row["area_after"]}', percent(row['iou'], 1),
            percent(row['removal_rate'], 1), str(row['faded']), percent(row['addition_rate'], 1),
            percent(row['excess_left'], 1), f'{row["detail_kept"]:.3f}']


def write_curve(args: argparse.Namespace, rows: list[dict]) -> None:
    """Draw the main run by its iterations."""
    rows = [row for row in rows if row['weights'] == EMA]
    write_bytes(args.out / 'curve.png', draw_finetune_curve(
        [0, *(row['iters'] for row in rows)],
        {'removal': [0, *(row['removal_rate'] for row in rows)],
         'addition': [0, *(row['addition_rate'] for row in rows)],
         'detail kept': [1, *(row['detail_kept'] for row in rows)]}))
