"""Generators: LR in, SR out, from any checkpoint."""
from __future__ import annotations

from ..on_demand import on_demand
from .build import build_generator, load_generator, load_upscaler
from .checkpoint import CheckpointError, fingerprint, load_weights, read_checkpoint
from .convert import convert_checkpoint
from .failures import UpscaleError
from .image_sizes import ImageSizes, image_sizes_of
from .pairs import (
    ArrayPairs,
    GeneratedPairs,
    Pair,
    PairSource,
    StoredPairs,
    enlarge,
    make_reference,
    upscale,
)
from .reference import REFERENCES, Reference, Sibling, as_reference, build_reference
from .unfit_networks import GeneratorError, refuse_unfit_type
from .upscaler import Upscaler

# One is for configs and needs what few others do; the other, what those without a sibling need.
__getattr__ = on_demand(__name__, {'SpandrelGenerator': 'spandrel_generator',
                                   'SelfEnsemble': 'self_ensemble'})

__all__ = [
    'REFERENCES', 'ArrayPairs', 'CheckpointError', 'GeneratedPairs', 'GeneratorError',
    'ImageSizes', 'Pair', 'PairSource', 'Reference', 'SelfEnsemble', 'Sibling',
    'SpandrelGenerator', 'StoredPairs', 'UpscaleError', 'Upscaler', 'as_reference',
    'build_generator', 'build_reference', 'convert_checkpoint', 'enlarge', 'fingerprint',
    'image_sizes_of', 'load_generator', 'load_upscaler', 'load_weights', 'make_reference',
    'read_checkpoint', 'refuse_unfit_type', 'upscale'
]
