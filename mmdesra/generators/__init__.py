"""Generators: LR in, SR out, from any checkpoint."""
from .build import GeneratorError, build_generator, load_generator
from .checkpoint import CheckpointError, fingerprint, load_weights, read_checkpoint
from .upscaler import Upscaler

__all__ = ['CheckpointError', 'GeneratorError', 'Upscaler', 'build_generator', 'fingerprint',
           'load_generator', 'load_weights', 'read_checkpoint']
