"""Fine-tuning inside MMagic: the hook, and inheriting the workflow into a config."""
from __future__ import annotations

from importlib import import_module

CLASSES = {
    'CpuAmpOptimWrapper': 'amp',
    'DeSRAFinetuneHook': 'finetune_hook',
    'StartGeneratorHook': 'start_hook',
}
"""What configs name, by the module that has it; only what is asked for is imported."""


def __getattr__(name: str) -> object:
    if name in CLASSES:
        return getattr(import_module(f'.{CLASSES[name]}', __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


__all__ = ['CpuAmpOptimWrapper', 'DeSRAFinetuneHook', 'StartGeneratorHook']
