"""How weights were made, where their file says it: the note of an MSE partner."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from ..files.hashes import weights_sha256
from .checkpoint_reader import local_checkpoint

META, PARTNER = 'meta', 'mse_partner'
"""Keys under which a checkpoint keeps the note."""
_ATTRIBUTE = '_mmdesra_origin'
PLAIN = (str, int, float, bool, type(None))


def content_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return weights_sha256(local_checkpoint(path))


def partner_note(content: Mapping) -> dict | None:
    """Return what a checkpoint says of how an MSE partner was made; None if it says nothing.

    Only plain values are taken: the file may be anybody's.
    """
    meta = content.get(META)
    note = meta.get(PARTNER) if isinstance(meta, Mapping) else None
    if not isinstance(note, Mapping):
        return None
    return {str(name): value for name, value in note.items() if isinstance(value, PLAIN)}


def note_origin(generator: nn.Module, content: Mapping) -> None:
    """Let a generator know how its weights were made, and forget how earlier ones were."""
    vars(generator)[_ATTRIBUTE] = partner_note(content)


def origin_of(generator: nn.Module) -> dict | None:
    """Return how a generator's weights were made, where that is known."""
    return vars(generator).get(_ATTRIBUTE)
