"""The tables of an evaluation on the authors' data, with the published figures beside ours."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..evaluation.authors_folder import AuthorsFolder
from ..evaluation.authors_images import ImageTree
from ..evaluation.authors_names import Role
from ..evaluation.authors_scores import ModelScores
from ..evaluation.figures import (
    CHANGE_COUNTS,
    CHANGE_RATES,
    FADING_FIGURES,
    SCORE_COUNTS,
    SCORE_RATES,
    UNKNOWN,
    change_figures,
    decimal,
    fading_figures,
    known,
    percent,
    score_figures,
)
from ..evaluation.image_sums import ImageSums
from ..evaluation.mask_scores import SetScores
from ..evaluation.published import OURS, published_change, published_scores
from ..files import make_output_folder, write_text
from ..files.tables import markdown_table, write_csv, write_json
from .evaluate_desra import METHODS, method_of

STORED = 'stored masks'
RATES = 'iou', 'precision', 'recall'
PUBLISHED = tuple(f'published_{rate}' for rate in RATES)
TUNED_PUBLISHED = ('published_iou_before', 'published_iou_after', 'published_removal_rate',
                   'published_addition_rate')

COLUMNS = ('model', 'masks', 'labels', 'threshold', 'images', *SCORE_RATES, *SCORE_COUNTS,
           'seconds_per_image', 'published_as', *PUBLISHED)
TUNED_COLUMNS = ('model', 'fine_tuned', 'masks', 'images', 'iou_before', 'iou_after',
                 *CHANGE_RATES, *CHANGE_COUNTS, 'detail_kept', *FADING_FIGURES, *TUNED_PUBLISHED)
IMAGE_COLUMNS = ('model', 'masks', 'image', *SCORE_RATES, *SCORE_COUNTS, 'iou_before',
                 *CHANGE_RATES, *CHANGE_COUNTS, 'detail_kept', *FADING_FIGURES, 'error')

NO_LABELS = ("DeSRA's published figures are with label maps, ours in this table without; give "
             'label maps as seg/ or with --segmentor.')
HOW = ('IoU in percent, the mean over the images; precision and recall count regions of all '
       'images, p = 0.5; 5 px on each side are left out, as in the released scripts.')


def is_judged(result: ModelScores) -> bool:
    """Whether any image of a model was judged."""
    return bool((result.stored and result.stored.done)
                or (result.comparison and result.comparison.num_images))


def score_rows(result: ModelScores) -> list[dict]:
    """Return a row for each kind of masks of a model, by :data:`COLUMNS`.

    Methods of the published tables that were not run get a row with the published figures only.
    """
    published = published_scores(result.model.name)
    rows = []
    if result.stored and result.stored.scores:
        rows.append(dict(score_figures(result.stored.scores), masks=STORED, published_as=OURS,
                         images=len(result.stored.done)))
    for standing in result.comparison.standings if result.comparison else ():
        several = len(standing.sweep) > 1
        for point in standing.sweep:
            name = standing.contestant.name + f' ({point.threshold:g})' * several
            rows.append(dict(
                score_figures(point.scores), masks=name, labels=standing.labelled,
                threshold=point.threshold, images=point.scores.images,
                seconds_per_image=known(standing.seconds_per_image),
                published_as=method_of(standing.contestant, point.threshold)))
    run = {row['published_as'] for row in rows}
    rows += [dict(masks=f'{method}: not run', published_as=method, images=0)
             for method in published if method not in run]
    for row in rows:
        figures = published.get(row['published_as'])
        if figures:
            row.update({f'published_{rate}': getattr(figures, rate) for rate in RATES})
    return [dict(row, model=result.model.place) for row in rows]


def tuned_rows(result: ModelScores) -> list[dict]:
    """Return a row for each fine-tuned result of a model, by :data:`TUNED_COLUMNS`."""
    change = published_change(result.model.name)
    published = {} if change is None else {
        name: getattr(change, name.partition('_')[2]) for name in TUNED_PUBLISHED}
    rows = []
    for tuned in result.tuned:
        for masks, scores in (('DeSRA', tuned.ours), (STORED, tuned.stored)):
            sums = scores.sums if scores else ImageSums()
            if scores and sums.changes and scores.scores and scores.scores_before:
                rows.append(dict(
                    change_figures(sums.changes), model=result.model.place,
                    fine_tuned=tuned.name, masks=masks, images=len(scores.done),
                    iou_before=known(scores.scores_before.iou),
                    iou_after=known(scores.scores.iou),
                    detail_kept=known(sums.detail.kept) if sums.detail else None,
                    **(fading_figures(sums.fading) if sums.fading else {}),
                    **published))
    return rows


def folder_figures(folder: AuthorsFolder) -> dict:
    """Return which folder was read as what, and what was left out, for JSON."""
    return dict(
        models=[dict(name=model.name, place=model.place, folders=_folders(model.trees),
                     fine_tuned={tuned.name: _folders(tuned.trees) for tuned in model.tuned})
                for model in folder.models],
        folders_left_out={str(path): why for path, why in folder.left_out.items()},
        not_needed={str(path): why for path, why in folder.not_needed.items()})


def describe_folder(folder: AuthorsFolder) -> str:
    """Return which folder was read as what, and what was left out, as text."""
    lines = []
    for model in folder.models:
        trees = {role.value: tree for role, tree in model.trees.items()}
        for tuned in model.tuned:
            trees.update({f'fine-tuned, {tuned.name}: {role.value}': tree
                          for role, tree in tuned.trees.items()})
        lines += [f'{model.place}:', *(f'  {what}: {tree.folder} ({len(tree.images)})'
                                       for what, tree in trees.items())]
    for title, paths in ('left out', folder.left_out), ('not needed', folder.not_needed):
        if paths:
            lines += [f'{title}:', *(f'  {path}: {why}' for path, why in paths.items())]
    return '\n'.join(lines)


def describe_model(result: ModelScores) -> str:
    """Return the tables of a model as Markdown."""
    rows = score_rows(result)
    parts = [f'## {result.model.place}', _what_is_known(result), markdown_table(
        ('masks', 'images', 'IoU', 'Precision', 'Recall', 'published IoU', 'Precision', 'Recall',
         's / image'),
        [[row['masks'] + ' (with label maps)' * bool(row.get('labels')), str(row['images']),
          *_cells(row, RATES), *_cells(row, PUBLISHED), _decimal(row.get('seconds_per_image'), 3)]
         for row in rows])]
    if not any('published_iou' in row for row in rows):
        parts.append(f'No figures were published of a model called {result.model.name!r}.')
    elif any(row['published_as'] == METHODS['DeSRA'] and row.get('labels') is False
             for row in rows) and not any(row.get('labels') for row in rows):
        parts.append(NO_LABELS)
    parts += _note_on_sets(result)
    if result.tuned:
        parts.append(_tuned_table(result))
    return '\n\n'.join(parts)


def write_results(results: Sequence[ModelScores], out_dir: str | Path, text: str,
                  settings: Mapping[str, object]) -> list[Path]:
    """Write ``results.md``, ``.json`` and ``.csv``, ``fine_tuned.csv`` and ``images.csv``.

    Args:
        results (Sequence[ModelScores]): The models.
        out_dir (str | Path): Made if missing; files of these names are replaced.
        text (str): The content of ``results.md``.
        settings (Mapping): The settings of the run, for ``results.json``.

    Returns:
        list[Path]: The files.

    Raises:
        OSError: If ``out_dir`` cannot be written.
    """
    out_dir = make_output_folder(out_dir)
    paths = [out_dir / name for name in ('results.md', 'results.json', 'results.csv',
                                         'images.csv', 'fine_tuned.csv')]
    rows, tuned = ([row for one in results for row in of(one)] for of in (score_rows, tuned_rows))
    write_text(paths[0], text + '\n')
    write_json(paths[1], dict(settings, scores=rows, fine_tuned=tuned, left_out=[
        problem for one in results for problem in one.left_out]))
    write_csv(paths[2], COLUMNS, rows)
    write_csv(paths[3], IMAGE_COLUMNS, (row for one in results for row in _image_rows(one)))
    write_csv(paths[4], TUNED_COLUMNS, tuned)
    return paths


def _what_is_known(result: ModelScores) -> str:
    parts = [result.stored.scores if result.stored else None]
    if result.comparison:
        parts.append(result.comparison.standings[0].scores)
    known_masks = max(filter(None, parts), key=lambda scores: scores.images, default=None)
    if known_masks is None:
        return 'No image could be judged.'
    return (f'{known_masks.images} images with {known_masks.gt_regions} regions in the human '
            f'masks' + f'; {known_masks.clean_images} have none' * bool(known_masks.clean_images))


def _note_on_sets(result: ModelScores) -> list[str]:
    """Return a note if the stored masks and the detectors are judged on different images."""
    if result.stored is None or result.comparison is None:
        return []
    stored = {image.image for image in result.stored.done}
    ours = {image.image for image in result.comparison.images if image.scores}
    if stored == ours:
        return []
    note = (f'Note: the stored masks are judged on {len(stored)} images, the detectors on '
            f'{len(ours)}, and {len(stored & ours)} are the same; images.csv names them.')
    return [note]


def _folders(trees: Mapping[Role, ImageTree]) -> dict[str, str]:
    return {role.value: str(tree.folder) for role, tree in trees.items()}


def _tuned_table(result: ModelScores) -> str:
    rows = [[row['fine_tuned'] + f' ({STORED})' * (row['masks'] == STORED), str(row['images']),
             f"{_percent(row['iou_before'])} -> {_percent(row['iou_after'])}",
             f"{row['regions_before']} -> {row['regions_after']}",
             percent(row['removal_rate']), percent(row['addition_rate']),
             _fates(row), percent(row.get('excess_left'), 0),
             _decimal(row['detail_kept'])] for row in tuned_rows(result)]
    change = published_change(result.model.name)
    if change is not None:
        rows.append([f'published: {result.model.name}-DeSRA', UNKNOWN,
                     f'{_percent(change.iou_before)} -> {_percent(change.iou_after)}', UNKNOWN,
                     percent(change.removal_rate), percent(change.addition_rate),
                     *[UNKNOWN] * 3])
    return markdown_table(('fine-tuned', 'images', 'IoU before -> after', 'regions', 'removed',
                           'added', 'gone / faded / left', 'excess left', 'detail kept'), rows)


def _fates(row: Mapping) -> str:
    return (' / '.join(str(row[name]) for name in ('gone', 'faded', 'left')) if 'gone' in row
            else UNKNOWN)


def _image_rows(result: ModelScores) -> Iterator[dict]:
    place = result.model.place
    sets: dict[str, SetScores | None] = {STORED: result.stored}
    for tuned in result.tuned:
        sets[tuned.name] = tuned.ours
        sets[f'{tuned.name}, {STORED}'] = tuned.stored
    for masks, scores in sets.items():
        for image in scores.images if scores else ():
            yield dict(image.row(), model=place, masks=masks)
    for standing in result.comparison.images if result.comparison else ():
        yield dict(score_figures(standing.scores) if standing.scores else {}, model=place,
                   masks=standing.detector, image=standing.image, error=standing.error)


def _cells(row: Mapping, rates: Sequence[str]) -> list[str]:
    iou, *others = (row.get(rate) for rate in rates)
    return [_percent(iou), *(_decimal(value) for value in others)]


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else decimal(100 * value, 1)


def _decimal(value: float | None, digits: int = 4) -> str:
    return UNKNOWN if value is None else decimal(value, digits)
