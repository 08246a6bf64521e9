"""The original training data of a config: set aside, taken back, looked for."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config, ConfigDict

from ..errors import InputError
from ..files.config_types import is_a

PLACEHOLDER = 'AwaitedPseudoGTs'


def set_aside_original_data(config: Config) -> None:
    """Put a placeholder where the pseudo GTs will be; it keeps the original dataset's config.

    In a config that has one already, what was set beside that dataset goes to it.
    """
    take_back_original_data(config)  # a placeholder takes no data_root
    if not _is_placeholder(config.train_dataloader.dataset):
        config.train_dataloader.dataset = dict(type=PLACEHOLDER,
                                               dataset=config.train_dataloader.dataset)


def take_back_original_data(config: Config) -> None:
    """Undo :func:`set_aside_original_data`, or the same in a config file.

    What was set beside the original dataset meanwhile, such as a ``data_root`` on the command
    line, was meant for it.
    """
    dataset = config.train_dataloader.dataset
    if _is_placeholder(dataset) and dataset.get('dataset'):
        own = {key: value for key, value in dataset.items()
               if key not in ('type', 'dataset', '_scope_')}
        config.train_dataloader.dataset = dataset.dataset
        config.merge_from_dict(dict(train_dataloader=dict(dataset=own)))


def _is_placeholder(dataset: dict) -> bool:
    return is_a(dataset, PLACEHOLDER)


def check_original_data(config: Config, advice: str) -> None:
    """Look for the files and folders that ``train_dataloader.dataset`` names.

    Without it the Runner would stop in the middle of MMagic's dataset, which does not say what
    to do.

    Args:
        config (Config): With the original dataset in its place.
        advice (str): What to do about one that does not exist.

    Raises:
        InputError: If one does not exist.
    """
    for dataset in original_datasets(config):
        for path in _paths(dataset):
            if not path.exists():
                raise InputError(f'{path}: does not exist; {advice}')


def original_datasets(config: Config) -> list[ConfigDict]:
    """Return the dataset of ``train_dataloader``, or those that wrappers hold.

    Such as RepeatDataset, ConcatDataset, and our placeholder.
    """
    return list(_datasets(config.train_dataloader.dataset))


def _datasets(config: ConfigDict) -> Iterator[ConfigDict]:
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
