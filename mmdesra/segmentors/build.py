"""From a name or a config to a source of label maps."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InputError
from .base import LabelSource
from .label_folder import LabelFolder
from .mmseg_config import SHORT_NAMES
from .mmseg_segmentor import MMSegSegmentor


def build_segmentor(config: str | Path | Mapping | LabelSource | None,
                    class_names: Sequence[str] | None = None,
                    **offered: object) -> LabelSource | None:
    """Build a source of label maps.

    Args:
        config (str | Path | dict | LabelSource | None): One of

            - ``'segformer-b5'``, a config of a package (``'mmseg::…'``) or a config file,
            - a folder of label maps,
            - ``dict(config=…, checkpoint=…, …)``, the arguments of :class:`MMSegSegmentor`,
            - ``dict(folder=…, label_offset=…)``, the second optional, see :class:`LabelFolder`,
            - a source, returned as it is,
            - None: no label maps.
        class_names (Sequence[str], optional): The class table that the labels are indices of.
        **offered: Arguments of :class:`MMSegSegmentor`, such as ``device``, where ``config`` is
            a segmenter and does not say otherwise.

    Raises:
        InputError: If it is none of these, or cannot be built.
    """
    if config is None or isinstance(config, LabelSource):
        return config
    if isinstance(config, Mapping):
        return _build(dict(config), class_names, offered)
    name = str(config)
    if Path(name).is_dir():
        return _folder(dict(folder=name), class_names)
    if name in SHORT_NAMES or '::' in name or name.endswith('.py'):
        return _build(dict(config=name), class_names, offered)
    raise InputError(f'{name}: expected {", ".join(SHORT_NAMES)}, the name of an mmseg config '
                     '(mmseg::segformer/...), a config file (.py) or a folder of label maps')


def label_folder(folder: str | Path, label_offset: int | None = None) -> dict:
    """Return the config of a folder of label maps."""
    return dict(folder=folder, **{} if label_offset is None else dict(label_offset=label_offset))


def _folder(options: dict, class_names: Sequence[str] | None) -> LabelFolder:
    return LabelFolder(**options, num_classes=len(class_names) if class_names else None)


def _build(options: dict, class_names: Sequence[str] | None, offered: dict) -> LabelSource:
    if 'folder' in options and options.keys() <= {'folder', 'label_offset'}:
        return _folder(options, class_names)
    if 'config' not in options or 'folder' in options:
        raise InputError('expected the config of a segmenter, dict(config=..., ...) or '
                         f'dict(folder=..., label_offset=...), got {options}')
    try:
        return MMSegSegmentor(**{'class_names': class_names, **offered, **options})
    except TypeError as error:
        if 'unexpected keyword' not in str(error):
            raise
        raise InputError(f'a segmenter has no such option: {error}') from error
