"""DeSRAInferencer, and the functions behind the commands."""
from __future__ import annotations

from ..on_demand import on_demand

# Loaded on demand: commands import single modules and need not wait for all of them.
__getattr__ = on_demand(__name__, {
    'DeSRAInferencer': 'inferencer', 'blend': 'checkpoints', 'convert': 'checkpoints',
    'cure': 'curing.run', 'upscale': 'upscaling'})

__all__ = ['DeSRAInferencer', 'blend', 'convert', 'cure', 'upscale']
