"""Generators: LR in, SR out, from any checkpoint."""
from __future__ import annotations

from .build import GeneratorError, build_generator, load_generator
from .checkpoint import CheckpointError, fingerprint, load_weights, read_checkpoint
from .convert import convert_checkpoint
from .pairs import ArrayPairs, GeneratedPairs, Pair, PairSource, StoredPairs, enlarge, upscale
from .upscaler import Upscaler


def __getattr__(name: str) -> object:
    if name == 'SpandrelGenerator':  # for configs; it needs what few others do
        from .spandrel_generator import SpandrelGenerator
        return SpandrelGenerator
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


__all__ = [
    'ArrayPairs', 'CheckpointError', 'GeneratedPairs', 'GeneratorError', 'Pair', 'PairSource',
    'SpandrelGenerator', 'StoredPairs', 'Upscaler', 'build_generator', 'convert_checkpoint',
    'enlarge', 'fingerprint', 'load_generator', 'load_weights', 'read_checkpoint', 'upscale'
]
