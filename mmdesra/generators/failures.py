"""Turning any exception of a network into a message of one line."""
from __future__ import annotations

import torch

from ..errors import InputError

LONGEST = 300
"""Most characters of a message that are shown; some libraries write pages."""

SIGNS_OF_LITTLE_MEMORY = ('out of memory', "can't allocate memory", 'not enough memory',
                          'cannot allocate memory')


class UpscaleError(InputError):
    """A generator that failed on an image; the message does not name the file."""


def describe_failure(error: Exception) -> str:
    """Return the type of an error and what it says, as one line."""
    text = ' '.join(str(error).split())
    if len(text) > LONGEST:
        text = text[:LONGEST] + '…'
    name = type(error).__name__
    return f'{name}: {text}' if text else name


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether there was too little memory, on whatever device."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    # PyTorch's allocator for the CPU raises plain runtime errors.
    return isinstance(error, RuntimeError) and any(
        sign in str(error).lower() for sign in SIGNS_OF_LITTLE_MEMORY)
