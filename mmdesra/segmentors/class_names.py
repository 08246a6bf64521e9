"""Matching the classes of a segmentation model to those of a class table."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError

MAX_NAMES = 5
"""Class names that an error lists before it says how many more there are."""


def table_indices(model_names: Sequence[str], table_names: Sequence[str]) -> np.ndarray:
    """Find a model's classes in a class table, by name, spaces around names ignored.

    Args:
        model_names (Sequence[str]): K names in the order of the model's labels.
        table_names (Sequence[str]): Names in the order of the table; some may be no class of
            the model.

    Returns:
        np.ndarray: Shape ``(K,)``, of the smallest unsigned type that holds the table:
        ``indices[labels]`` turns a label map of the model into one of the table.

    Raises:
        InputError: If the table lacks a class of the model, or names one twice.
    """
    stripped = [name.strip() for name in table_names]
    index_of = {name: index for index, name in enumerate(stripped)}
    names = [name.strip() for name in model_names]
    unknown = [name for name in names if name not in index_of]
    if unknown:
        rest = len(unknown) - MAX_NAMES
        raise InputError(
            f'the class table has no {", ".join(map(repr, unknown[:MAX_NAMES]))}'
            + (f' and {rest} more' if rest > 0 else '')
            + f' ({len(unknown)} of the {len(names)} classes of the segmenter). Take a segmenter '
            'of the classes of the table, or calibrate a table for this one: '
            '`mmdesra calibrate-semantics`')
    twice = sorted({name for name in names if stripped.count(name) > 1})
    if twice:
        raise InputError(f'the class table names {twice[0]!r} twice')
    return np.array([index_of[name] for name in names], np.min_scalar_type(len(stripped)))
