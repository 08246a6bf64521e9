"""What an mmseg config says about its model: its parts, published weights and classes."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from ..compat import package_folder
from ..errors import InputError
from ..files.config_types import type_name
from ..files.configs import import_types, read_config

SHORT_NAMES = {'segformer-b5': 'mmseg::segformer/segformer_mit-b5_8xb2-160k_ade20k-640x640.py'}
"""The model of the paper, by the name that it has there."""

ANNOTATIONS = ('LoadAnnotations', 'LoadDepthAnnotation')


def read_mmseg_config(name: str) -> Config:
    """Read a config of mmseg.

    Args:
        name (str): A short name (``segformer-b5``), ``mmseg::…``, or a path.

    Raises:
        InputError: If mmseg is not installed, or there is no such config with a model.
    """
    if package_folder('mmseg') is None:  # mmengine would go and install it
        raise InputError(f'{name}: needs MMSegmentation, which is not installed here: '
                         'pip install mmsegmentation ftfy regex')
    if not (name in SHORT_NAMES or '::' in name or Path(name).suffix):
        raise InputError(f'{name}: expected {", ".join(SHORT_NAMES)}, the name of an mmseg config '
                         '(mmseg::segformer/...) or a config file (.py)')
    config = read_config(SHORT_NAMES.get(name, name))
    if not isinstance(config.get('model'), Mapping) or _find_pipeline(config) is None:
        raise InputError(f'{name}: expected the config of an mmseg model, with model and '
                         'test_pipeline')
    import_types(config.model, name)
    import_types(_find_pipeline(config), name)
    return config


def published_weights(name: str) -> str | None:
    """Return the address of a config's weights as its package's model zoo gives it."""
    name = SHORT_NAMES.get(name, name)
    if '::' not in name:
        return None
    from mmengine.hub import get_config
    try:
        return get_config(name.removesuffix('.py') + '.py', pretrained=True).get('model_path')
    except AssertionError:  # the zoo has the model, but no weights
        return None


def model_config(config: Config) -> ConfigDict:
    """Return the config of the model alone, which nothing is downloaded for when it is built."""
    return ConfigDict(_without_pretrained(config.to_dict()['model']))


def array_pipeline(config: Config) -> list[dict]:
    """Return the test pipeline, for images (BGR arrays) instead of files, without annotations.

    Raises:
        InputError: If it does not load one image.
    """
    steps = [dict(step) for step in _find_pipeline(config) or ()
             if _type_name(step) not in ANNOTATIONS]
    loaders = [step for step in steps if _type_name(step) == 'LoadImageFromFile']
    if len(loaders) != 1:
        raise InputError(f'{config.filename}: expected a test pipeline with LoadImageFromFile, '
                         f'got {", ".join(map(_type_name, steps)) or "none"}')
    loaders[0]['type'] = 'mmseg.LoadImageFromNDArray'  # whatever the config's scope
    return steps


def class_names(config: Config, checkpoint: Mapping) -> tuple[str, ...] | None:
    """Find the names of a model's classes, stripped, in the order of its labels.

    The checkpoint knows them best (``meta``, as mmseg 1.x and 0.x write it); a bare state dict
    leaves them to the config's data set.
    """
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, Mapping) else {}
    dataset_meta = meta.get('dataset_meta')
    dataset_meta = dataset_meta if isinstance(dataset_meta, Mapping) else {}
    names = dataset_meta.get('classes') or meta.get('CLASSES') or _dataset_classes(config)
    return tuple(str(name).strip() for name in names) if names else None


def _dataset_classes(config: Config) -> Sequence[str] | None:
    dataset = (config.get('test_dataloader') or {}).get('dataset') or {}
    names = (dataset.get('metainfo') or {}).get('classes')
    if names or 'type' not in dataset:
        return names
    from mmseg.registry import DATASETS
    dataset_class = DATASETS.get(_type_name(dataset))
    return getattr(dataset_class, 'METAINFO', {}).get('classes')


def _find_pipeline(config: Config) -> Sequence[Mapping] | None:
    if 'test_pipeline' in config:
        return config.test_pipeline
    return ((config.get('test_dataloader') or {}).get('dataset') or {}).get('pipeline')


def _type_name(step: Mapping) -> str:
    return type_name(step['type'])


def _without_pretrained(node: Any) -> Any:
    """Drop what would fetch weights that the checkpoint replaces: backbones know two ways."""
    if isinstance(node, Mapping):
        kept = {key: _without_pretrained(value) for key, value in node.items()
                if key != 'init_cfg'}
        if 'pretrained' in kept:
            kept['pretrained'] = False if kept['pretrained'] is True else None
        return kept
    return [_without_pretrained(item) for item in node] if isinstance(node, list) else node
