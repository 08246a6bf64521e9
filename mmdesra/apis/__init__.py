"""DeSRAInferencer, and the functions behind the tools."""
from __future__ import annotations

from ..on_demand import on_demand

# The tools import single modules of this package and need not wait for this one.
__getattr__ = on_demand(__name__, {
    'DeSRAInferencer': 'inferencer', 'blend': 'checkpoints', 'convert': 'checkpoints',
    'cure': 'curing.run', 'upscale': 'upscaling'})

__all__ = ['DeSRAInferencer', 'blend', 'convert', 'cure', 'upscale']
