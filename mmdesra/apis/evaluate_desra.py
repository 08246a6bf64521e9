"""Evaluating on the data of DeSRA's authors: the detectors, the class table, the models."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..detectors import DETECTORS, ClassTable, build_detector
from ..errors import InputError
from ..evaluation.authors_folder import AuthorsFolder, AuthorsModel
from ..evaluation.authors_names import Role
from ..evaluation.authors_scores import ModelScores, score_model
from ..evaluation.published import OURS
from ..evaluation.standings import Contestant
from ..segmentors import LabelSource
from .contestants import read_contestants

LDL_STAR = 'LDLStar'
LDL_THRESHOLDS = .01, .005, .001
"""The thresholds in DeSRA's Table 1; the same map is used for all three."""

METHODS = {'DeSRA': OURS, 'NIQE': 'NIQE', 'PAL': 'PAL4Inpainting'}
"""Names of detectors in the published tables; LDLStar's name there includes its threshold."""


def choose_class_table(folder: AuthorsFolder, given: str | Path | None = None) -> Path | None:
    """Return the file of the class table: the one given, else the one in the data.

    Raises:
        InputError: If it cannot be read, or the data have several that differ.
    """
    if given is not None:
        ClassTable.load(given)
        return Path(given)
    tables = {path: ClassTable.load(path) for path in folder.class_tables}
    if len(set(tables.values())) > 1:
        raise InputError('expected one class table in the data, got several that differ: '
                         f'{", ".join(map(str, tables))}; name one with --class-table')
    return next(iter(tables), None)


def all_contestants(min_area: str, class_table: Path | None, more: Sequence[str] = (),
                    with_rivals: bool = True,
                    **offered: object) -> tuple[list[Contestant], dict[str, str]]:
    """Build DeSRA and every other registered detector that needs only the images.

    Args:
        min_area (str): Regions up to this area are dropped, for all detectors.
        class_table (Path, optional): For DeSRA's semantic step. Default: the published one.
        more (Sequence[str]): Further detectors, as :func:`read_contestants` reads them.
        with_rivals (bool): Whether to build detectors other than DeSRA.
        **offered: See :func:`mmdesra.detectors.build_detector`.

    Returns:
        tuple: The contestants, DeSRA first; and the reason for each detector that was not built.

    Raises:
        InputError: If one of ``more`` cannot be built, or ``min_area`` is no area.
    """
    config = dict(type='DeSRA', min_area=min_area)
    if class_table is not None:
        config['class_table'] = str(class_table)
    desra = build_detector(config, **offered)
    found = [Contestant('DeSRA', desra, (desra.threshold,)),
             Contestant('DeSRA, no label maps', desra, (desra.threshold,), with_labels=False)]
    added = [one if one.thresholds else replace(one, thresholds=(one.detector.threshold,))
             for one in read_contestants(more, min_area, (), **offered)]
    left_out = {}
    kinds = {type(one.detector).__name__ for one in added}
    for name in sorted(DETECTORS.module_dict) if with_rivals else ():
        if name == 'DeSRA':
            continue
        try:
            rival = build_detector(dict(type=name, min_area=min_area), **offered)
        except InputError as error:
            if name not in kinds:
                left_out[name] = str(error)
            continue
        thresholds = LDL_THRESHOLDS if name == LDL_STAR else (rival.threshold,)
        found.append(Contestant(name, rival, thresholds))
    return [*found, *added], left_out


def evaluate_models(folder: AuthorsFolder, contestants: Sequence[Contestant],
                    segmentor: LabelSource | None = None,
                    masks_dir: str | Path | None = None,
                    tell: Callable[[str], object] = lambda text: None) -> Iterator[ModelScores]:
    """Judge the models one after the other; see :func:`score_model`.

    Args:
        folder (AuthorsFolder): The data.
        contestants (Sequence[Contestant]): From :func:`all_contestants`.
        segmentor (LabelSource, optional): Makes label maps where none are stored.
        masks_dir (str | Path, optional): Where to write masks, ``MODEL/DETECTOR/NAME.png``.
        tell (Callable): Called with a line about each model before it is judged.
    """
    for number, model in enumerate(folder.models, 1):
        labelled = segmentor is not None or Role.LABELS in model.trees
        tell(f'{model.place} ({number} of {len(folder.models)})'
             + ', without label maps' * (not labelled))
        yield score_model(
            model, [one for one in contestants if one.with_labels or labelled],
            segmentor, Path(masks_dir) / folder_name(model) if masks_dir else None)


def folder_name(model: AuthorsModel) -> str:
    """Return a model's place as the name of a folder."""
    return re.sub(r'[^\w.+=-]+', '_', model.place)


def method_of(contestant: Contestant, threshold: float) -> str:
    """Return a contestant's name in the published tables, or '' if it is not in them."""
    kind = type(contestant.detector).__name__
    return f'LDL* ({threshold:g})' if kind == LDL_STAR else METHODS.get(kind, '')
