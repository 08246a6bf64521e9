"""Generators: LR in, SR out, from any checkpoint."""
from __future__ import annotations

from ..on_demand import on_demand
from .build import build_generator, load_generator, load_upscaler
from .checkpoint import CheckpointError, fingerprint, load_weights, read_checkpoint
from .convert import convert_checkpoint
from .failures import UpscaleError
from .image_sizes import ImageSizes, image_sizes_of
from .pairs import ArrayPairs, GeneratedPairs, Pair, PairSource, StoredPairs, enlarge, upscale
from .unfit_networks import GeneratorError, refuse_unfit_type
from .upscaler import Upscaler

# For configs; it needs what few others do.
__getattr__ = on_demand(__name__, {'SpandrelGenerator': 'spandrel_generator'})

__all__ = [
    'ArrayPairs', 'CheckpointError', 'GeneratedPairs', 'GeneratorError', 'ImageSizes', 'Pair',
    'PairSource', 'SpandrelGenerator', 'StoredPairs', 'UpscaleError', 'Upscaler',
    'build_generator', 'convert_checkpoint', 'enlarge', 'fingerprint', 'image_sizes_of',
    'load_generator', 'load_upscaler', 'load_weights', 'read_checkpoint', 'refuse_unfit_type',
    'upscale'
]
