"""Configs in mmengine's pure Python style: types are classes that the file imports."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdesra.files.config_types import type_name

HOMES = {
    'mmengine.dataset': ['InfiniteSampler', 'RepeatDataset'],
    'mmengine.hooks': ['CheckpointHook', 'LoggerHook'],
    'mmengine.optim': ['OptimWrapper'],
    'mmengine.runner': ['IterBasedTrainLoop', 'LogProcessor'],
    'mmengine.visualization': ['LocalVisBackend'],
    'torch.optim': ['Adam'],
    'mmagic.datasets': ['BasicImageDataset'],
    'mmagic.datasets.transforms': ['LoadImageFromFile', 'PackInputs', 'PairedRandomCrop',
                                   'SetValues'],
    'mmagic.engine': ['BasicVisualizationHook', 'ExponentialMovingAverageHook',
                      'MultiOptimWrapperConstructor'],
    'mmagic.engine.runner': ['MultiValLoop'],
    'mmagic.evaluation': ['Evaluator', 'PSNR'],
    'mmagic.models': ['DataPreprocessor', 'RealESRGAN', 'SRGAN',
                      'UNetDiscriminatorWithSpectralNorm'],
    'mmagic.models.losses': ['GANLoss', 'L1Loss'],
    'mmagic.visualization': ['ConcatImageVisualizer'],
    'mmdesra.datasets': ['AwaitedPseudoGTs'],
    'mmdesra.detectors': ['DeSRA'],
    'mmdesra.engine': ['DeSRAFinetuneHook'],
    'toys': ['ToyGenerator'],
}
"""Where a config finds the types that the tests' configs name in text."""

KEYS = 'type', 'constructor'


def write_lazy(path: Path, config: Config, imports: str = '') -> Path:
    """Write a config whose types are named in text in the pure Python style.

    Args:
        path (Path): The file.
        config (Config): All types in it are among :data:`HOMES`; its ``custom_imports`` are left
            out, the classes bring them.
        imports (str): More lines at the top.
    """
    lines = [f'from {home} import {", ".join(names)}' for home, names in HOMES.items()]
    lines += [f'{name} = {_code(value)}' for name, value in config.to_dict().items()
              if name != 'custom_imports']
    path.write_text('\n'.join([imports, *lines]) + '\n')
    return path


def bare(settings: Any) -> Any:
    """Return settings whose types are bare names, to compare configs of the two styles."""
    if isinstance(settings, dict):
        return {key: type_name(value) if key in KEYS else bare(value)
                for key, value in settings.items()}
    if isinstance(settings, (list, tuple)):
        return type(settings)(map(bare, settings))
    return settings


def _code(value: Any, key: object = None) -> str:
    if isinstance(value, dict):
        return '{' + ', '.join(f'{name!r}: {_code(entry, name)}'
                               for name, entry in value.items()) + '}'
    if isinstance(value, list):
        return '[' + ', '.join(map(_code, value)) + ']'
    if key in KEYS:
        assert any(value in names for names in HOMES.values()), value
        return value
    return repr(value)
