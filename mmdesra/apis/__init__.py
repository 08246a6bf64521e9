"""DeSRAInferencer, and the functions behind the tools."""
from __future__ import annotations


def __getattr__(name: str) -> object:
    # The tools import single modules of this package and need not wait for this one.
    if name == 'DeSRAInferencer':
        from .inferencer import DeSRAInferencer
        return DeSRAInferencer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


__all__ = ['DeSRAInferencer']
