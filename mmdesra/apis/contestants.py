"""Reading the detectors of a comparison from the command line."""
from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Sequence
from pathlib import Path

from ..detectors import RELEASED_AREA, build_detector
from ..errors import InputError
from ..evaluation.standings import Contestant
from ..files.config_types import type_name
from ..segmentors import LabelSource
from .detector_options import labels_from, read_detector

LABELS = 'labels'
"""A key that is no argument of the detector: with ``labels=False`` it gets no label maps."""

_LABELLED = re.compile(r'([^=:{]+)=(.+)', re.DOTALL)
_WITH_ARGUMENTS = re.compile(r'(\w+):(.+)', re.DOTALL)


def read_contestants(texts: Sequence[str], min_area: str | float = RELEASED_AREA,
                     thresholds: Sequence[str] = (), **offered: object) -> list[Contestant]:
    """Build contestants from ``[LABEL=]DETECTOR``.

    DETECTOR is a registered name (``DeSRA``), a name with arguments (``LDLStar:threshold=0.005``),
    a config dict as JSON, or a config file. The default label is the text itself, or type and
    arguments of a JSON dict.

    Args:
        texts (Sequence[str]): A text for each contestant.
        min_area (str | float): For detectors without a ``min_area`` of their own. Default: as
            released, so that figures can be compared with published ones.
        thresholds (Sequence[str]): ``NAME=T,T,…``: thresholds at which contestant NAME is scored.
        **offered: See :func:`mmdesra.detectors.build_detector`.

    Raises:
        InputError: If one of them cannot be read or built.
    """
    sweeps = dict(_read_sweep(text) for text in thresholds)
    contestants = [_read(text, min_area, sweeps, offered) for text in texts]
    unknown = sweeps.keys() - {contestant.name for contestant in contestants}
    if unknown:
        raise InputError(f'thresholds for {", ".join(sorted(unknown))}: no detector has this '
                         f'name; there are {", ".join(one.name for one in contestants)}')
    return contestants


def labels_for(args: argparse.Namespace, contestants: Sequence[Contestant]) -> LabelSource | None:
    """Open the source of label maps that the options name, for all contestants that use one.

    Raises:
        InputError: If no contestant uses label maps, or their class tables have different
            classes, as a segmenter labels the classes of one table only.
    """
    users = [one.detector for one in contestants if one.with_labels and one.detector.uses_labels]
    if args.segmentor and len({detector.class_names for detector in users}) > 1:
        raise InputError('expected class tables of the same classes, for one --segmentor')
    return labels_from(args, users[0] if users else contestants[0].detector)


def _read(text: str, min_area: str | float, sweeps: dict[str, tuple[float, ...]],
          offered: dict) -> Contestant:
    name, spec = _split_label(text)
    config = _read_config(spec)
    name = name or _name_of(spec, config)
    with_labels = config.pop(LABELS, True)
    if not isinstance(with_labels, bool):
        raise InputError(f'{text}: expected {LABELS}=True or {LABELS}=False, got {with_labels!r}')
    config.setdefault('min_area', min_area)
    try:
        return Contestant(name, build_detector(config, **offered), sweeps.get(name, ()),
                          with_labels)
    except InputError as error:
        raise InputError(f'{text}: {error}') from error


def _split_label(text: str) -> tuple[str, str]:
    match = None if Path(text).is_file() else _LABELLED.fullmatch(text)
    return (match[1].strip(), match[2]) if match else ('', text)


def _name_of(spec: str, config: dict) -> str:
    if not spec.lstrip().startswith('{'):
        return spec
    arguments = ','.join(f'{key}={value}' for key, value in config.items() if key != 'type')
    name = type_name(config.get('type'))
    return f'{name}:{arguments}' if arguments else name


def _read_config(spec: str) -> dict:
    match = None if Path(spec).is_file() else _WITH_ARGUMENTS.fullmatch(spec)
    if match is None:
        return read_detector(spec)
    config: dict = dict(type=match[1])
    for argument in match[2].split(','):
        key, equals, value = argument.partition('=')
        if not equals:
            raise InputError(f'{spec}: expected NAME:KEY=VALUE,KEY=VALUE, got {argument!r}')
        config[key.strip()] = _read_value(value.strip())
    return config


def _read_value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text  # released, 0.4%, a file


def _read_sweep(text: str) -> tuple[str, tuple[float, ...]]:
    name, _, values = text.rpartition('=')
    try:
        return name, tuple(map(float, values.split(',')))
    except ValueError as error:
        raise InputError(f'{text}: expected NAME=T,T,… with numbers T') from error
