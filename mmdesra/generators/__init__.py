"""Generators: LR in, SR out, from any checkpoint."""
from .build import GeneratorError, build_generator, load_generator
from .checkpoint import CheckpointError, fingerprint, load_weights, read_checkpoint
from .convert import convert_checkpoint
from .pairs import ArrayPairs, GeneratedPairs, Pair, PairSource, StoredPairs, enlarge, upscale
from .upscaler import Upscaler

__all__ = [
    'ArrayPairs', 'CheckpointError', 'GeneratedPairs', 'GeneratorError', 'Pair', 'PairSource',
    'StoredPairs', 'Upscaler', 'build_generator', 'convert_checkpoint', 'enlarge', 'fingerprint',
    'load_generator', 'load_weights', 'read_checkpoint', 'upscale'
]
