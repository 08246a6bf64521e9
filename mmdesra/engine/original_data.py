"""Are the original training data of a config there?"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from ..errors import InputError


def check_original_data(config: Config) -> None:
    """Look for the files and folders that ``train_dataloader.dataset`` names.

    Without it the Runner would stop in the middle of MMagic's dataset, which does not say what
    to do.

    Raises:
        InputError: If one does not exist.
    """
    for dataset in _datasets(config.train_dataloader.dataset):
        for path in _paths(dataset):
            if not path.exists():
                raise InputError(
                    f'{path}: does not exist; original_share needs the original training data of '
                    f'{config.filename}. Say where they are, e.g. --cfg-options '
                    'train_dataloader.dataset.data_root=DIR, or leave original_share out')


def _datasets(config: dict) -> Iterator[dict]:
    """The dataset, or those that a wrapper (RepeatDataset, ConcatDataset) holds."""
    held = [*config.get('datasets', []), *([config.dataset] if 'dataset' in config else [])]
    if not held:
        yield config
    for dataset in held:
        yield from _datasets(dataset)


def _paths(dataset: dict) -> Iterator[Path]:
    if '://' in (dataset.get('data_root') or ''):  # not a folder of this machine
        return
    root = Path(dataset.get('data_root') or '')
    yield root
    for folder in (dataset.get('data_prefix') or {}).values():
        if isinstance(folder, str):
            yield root / folder
    if dataset.get('ann_file'):
        yield root / dataset['ann_file']
