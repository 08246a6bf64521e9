"""Writing new weights of a network in the layout of an existing checkpoint."""
from __future__ import annotations

import logging
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..files import make_output_folder, write_bytes, write_weights
from .basicsr_keys import to_names_like
from .checkpoint import (
    ATTENTION_MASK,
    SAFETENSORS_SUFFIX,
    UNTRACKED,
    CheckpointError,
    describe_misfit,
    find_weights,
    local_checkpoint,
    read_checkpoint,
    resembling,
)
from .checkpoint_file import check_file
from .file_kinds import SAFETENSORS

TWINS = {'generator_ema.': 'generator.'}
"""What MMagic calls the average, and what else it loads: both get the new weights."""
OF_TRAINING = frozenset((
    'optimizer', 'optimizers', 'optimizer_g', 'optimizer_d', 'param_schedulers', 'schedulers',
    'message_hub', 'optimizer_states', 'lr_schedulers', 'loops'))
"""Keys for the state of the old weights' training (optimisers, …), which is left out."""

logger = logging.getLogger('mmdesra')


def suffix_like(source: str | Path) -> str:
    """Return the suffix that a file of the same kind has, by the content of ``source``."""
    return SAFETENSORS_SUFFIX if check_file(local_checkpoint(source)) == SAFETENSORS else '.pth'


def write_like(source: str | Path, state: Mapping[str, Tensor], target: str | Path) -> None:
    """Write weights in the layout of ``source``: the same keys, names, types and file format.

    Of a file with several sets (``params`` beside ``params_ema``, ``generator`` beside
    ``generator_ema``) all that have these names get them. What else is in it stays, but for the
    state of the training that it came from (optimisers, schedules), which fits no other weights.

    Args:
        source (str | Path): The file, in any layout of
            :func:`mmdesra.generators.load_weights`.
        state (Mapping): The weights, by the names of whichever code base.
        target (str | Path): The file to write, atomically; its folder is made.

    Raises:
        CheckpointError: If the file holds another network.
    """
    source, target = local_checkpoint(source), Path(target)
    content = read_checkpoint(source)
    new = match_weights(source, content, state)
    make_output_folder(target.parent)
    if suffix_like(source) == SAFETENSORS_SUFFIX:
        from safetensors import safe_open
        from safetensors.torch import save
        with safe_open(source, 'pt') as file:
            metadata = file.metadata() or dict(format='pt')
        written = in_layout_of(content, new, keep=True)
        write_bytes(target, save({name: value.contiguous() for name, value in written.items()},
                                 metadata))
        return
    gone = [str(key) for key in content if key in OF_TRAINING]
    if gone:
        logger.info('%s: left out of %s: %s, which belong to the training of the old weights',
                    target, source.name, ', '.join(gone))
    write_weights(target, in_layout_of(content, new, keep=True, without=OF_TRAINING))


def match_weights(source: Path, content: Mapping, state: Mapping[str, Tensor]
                  ) -> dict[int, Tensor]:
    """Return the new weights, by the id of the tensor in the file that each replaces.

    Each has the type of the one that it replaces. Integers and masks of attention stay.

    Raises:
        CheckpointError: If the weights do not fit those of the file.
    """
    found = find_weights(source, content, resembles=resembling(state))
    names = to_names_like(state, found.state)
    named = {names[name]: value for name, value in state.items()}
    wanted, got = map(without_buffers, (found.state, named))
    misfit = describe_misfit(wanted, got)
    if misfit:
        raise CheckpointError(f'{source} ({found.layout}): weights of another network cannot be '
                              f'written in its layout: {misfit}')
    new = {id(value): named[name].detach().cpu().to(value.dtype).clone()
           for name, value in wanted.items() if value.is_floating_point()}
    for twin in _twins(content, found.state):
        new.update({id(value): new[id(wanted[name])] for name, value in twin.items()
                    if name in wanted and id(wanted[name]) in new})
    return new


def without_buffers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out masks of attention, which may have any size, and batch norm's counters."""
    return {name: value for name, value in state.items()
            if not name.endswith((ATTENTION_MASK, UNTRACKED))}


def in_layout_of(content: Mapping, new: Mapping[int, Tensor], keep: bool = False,
                 without: Container[str] = ()) -> dict[str, Any]:
    """Return the content of a checkpoint with some tensors replaced by others.

    Args:
        content (Mapping): The checkpoint.
        new (Mapping): What to write in the place of each tensor, by its identity.
        keep (bool): Whether to keep what else there is, too.
        without (Container): Keys to leave out, whatever they hold.
    """
    result: dict[str, Any] = {}
    for key, value in content.items():
        if key in without:
            continue
        if isinstance(value, Tensor) and id(value) in new:
            result[key] = new[id(value)]
            for average, twin in TWINS.items():
                if isinstance(key, str) and key.startswith(average):
                    result[twin + key[len(average):]] = new[id(value)]
        elif isinstance(value, Mapping):
            inside = in_layout_of(value, new, keep, without)
            if inside or keep:
                result[key] = inside
        elif keep:
            result.setdefault(key, value)
    return result


def _twins(content: Mapping, taken: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
    """Return the other sets of a file that have the same names and sizes, by key."""
    sets: list[Mapping] = []
    for value in content.values():
        if isinstance(value, Mapping):
            sets += [value, *_twins(value, taken)] if _is_twin(value, taken) else _twins(
                value, taken)
    return sets


def _is_twin(state: Mapping, taken: Mapping[str, Tensor]) -> bool:
    return state.keys() == taken.keys() and all(
        isinstance(value, Tensor) and value.shape == taken[name].shape
        for name, value in state.items())
