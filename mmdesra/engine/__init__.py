"""Fine-tuning inside MMagic: the hook, and inheriting the workflow into a config."""
from __future__ import annotations

from ..on_demand import on_demand

CLASSES = {
    'CpuAmpOptimWrapper': 'amp',
    'DeSRAFinetuneHook': 'finetune_hook',
    'StartGeneratorHook': 'start_hook',
}
"""What configs name, by the module that has it; only what is asked for is imported."""

__getattr__ = on_demand(__name__, CLASSES)

__all__ = ['CpuAmpOptimWrapper', 'DeSRAFinetuneHook', 'StartGeneratorHook']
