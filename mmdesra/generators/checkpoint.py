"""Loading a generator's weights from the layouts that are in use, completely or not at all."""
from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.dist import is_main_process
from torch import Tensor, nn

from .basicsr_keys import MSRRESNET, explain_msrresnet, to_names_like
from .checkpoint_reader import CheckpointError, local_checkpoint, read_checkpoint, refuse_address
from .origin import note_origin
from .weight_sets import FoundWeights, Resembles, find_weights, shorten

__all__ = [
    'CheckpointError', 'FoundWeights', 'describe_misfit', 'fill_weights', 'find_weights',
    'fingerprint', 'load_weights', 'local_checkpoint', 'read_checkpoint', 'refuse_address',
    'refuse_broken_values', 'report_weights', 'resembling', 'shorten'
]

logger = logging.getLogger('mmdesra')

SAFETENSORS_SUFFIX = '.safetensors'

ATTENTION_MASK = '.attn_mask'
"""SwinIR's masks of shifted windows are no weights: they follow from the size of the training
patches, and for any other size are computed anew. Only whether there is one counts."""
UNTRACKED = 'num_batches_tracked'
"""Batch norm's count, which old files lack and no output depends on."""


def load_weights(module: nn.Module, path: str | Path, role: str = 'generator') -> str:
    """Fill a module completely from a checkpoint, and log which weights were taken.

    A file may hold them under any key or before any names that training scripts use, as zip,
    pickle or safetensors under any suffix; of two sets the moving average is taken (see
    :mod:`mmdesra.generators.weight_sets` and docs/checkpoints.md). Names may be those of BasicSR,
    MMagic or ESRGAN; see :mod:`mmdesra.generators.basicsr_keys`. Files are read with
    ``weights_only=True``.

    Args:
        module (nn.Module): The generator (or discriminator) to fill, in place.
        path (str | Path): The file.
        role (str): The attribute under which an MMagic model holds the module.

    Returns:
        str: Where the weights were found, and what was left out for them.

    Raises:
        CheckpointError: If the file cannot be read safely, or if nothing in it fits the whole
            module; the message names what is missing, unexpected or of another shape.
    """
    content = read_checkpoint(path)
    found = fill_weights(module, content, path, role)
    note_origin(module, content)
    report_weights(path, found)
    return found.layout


def fill_weights(module: nn.Module, content: Mapping, path: str | Path,
                 role: str = 'generator') -> FoundWeights:
    """Fill a module from the content of a checkpoint ``path``, and log nothing.

    See :func:`load_weights`.
    """
    target = module.state_dict()
    found = find_weights(path, content, role, resembling(target))
    names = to_names_like(found.state, target)
    state = {names[name]: value for name, value in found.state.items()}
    state.update({name: value for name, value in target.items()
                  if name.endswith(ATTENTION_MASK) and name in state})
    misfit = describe_misfit(target, state)
    if misfit:
        raise CheckpointError(f'{path} ({found.layout}) does not fit the {role} '
                              f'{type(module).__name__}: {misfit}. '
                              f'{_explain_misfit(target, found.state)}')
    refuse_broken_values(target, state, f'{path} ({found.layout})')
    module.load_state_dict({name: state.get(name, value) for name, value in target.items()})
    is_renamed = any(name != new for name, new in names.items())
    return FoundWeights(found.layout + (', renamed' if is_renamed else ''), found.state,
                        found.has_left_out)


def report_weights(path: str | Path, found: FoundWeights, network: str = '',
                   log: logging.Logger = logger) -> None:
    """Log which weights of a file were taken; as a warning where others were left out.

    Of several processes one says it.

    Args:
        path (str | Path): The file.
        found (FoundWeights): What was taken of it.
        network (str): What they were taken for, where a run fills several networks.
        log (logging.Logger): Of the run, or the package's.
    """
    if is_main_process():
        log.log(logging.WARNING if found.has_left_out else logging.INFO, '%s%s: %s',
                f'{network} from ' if network else '', path, found.layout)


def resembling(target: Mapping[str, Tensor]) -> Resembles:
    """Return a measure of how many names a state dict shares with a module's, in [0, 1]."""
    wanted = {name for name in target if not name.endswith(UNTRACKED)}

    def share(state: Mapping[str, Tensor]) -> float:
        names = {name for name in to_names_like(state, target).values()
                 if not name.endswith(UNTRACKED)}
        return len(wanted & names) / max(len(wanted | names), 1)
    return share


def refuse_broken_values(target: Mapping[str, Tensor], state: Mapping[str, Tensor],
                         source: str) -> None:
    """Refuse weights with NaN or infinity where the module itself has finite values.

    Raises:
        CheckpointError: If there is NaN or infinity in them.
    """
    broken = [name for name, value in state.items()
              if not value.isfinite().all() and target[name].isfinite().all()]
    if broken:
        raise CheckpointError(f'{source}: holds NaN or infinity in {shorten(broken)}; its '
                              'training diverged, or the file is damaged')


def fingerprint(module: nn.Module) -> str:
    """Return a SHA-256 over a module's names, shapes and values: equal weights, equal text."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if name.endswith(UNTRACKED):
            continue  # it never changes an output
        digest.update(f'{name} {tuple(value.shape)} {value.dtype}\n'.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def describe_misfit(target: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """Return what keeps weights from filling a module, by kind and name; '' if nothing does."""
    missing = [name for name in target
               if name not in state and not name.endswith(UNTRACKED)]
    unexpected = [name for name in state if name not in target]
    reshaped = [f'{name} ({tuple(state[name].shape)} instead of {tuple(value.shape)})'
                for name, value in target.items()
                if name in state and state[name].shape != value.shape]
    retyped = [f'{name} ({_type_of(state[name])} instead of {_type_of(value)})'
               for name, value in target.items()
               if name in state and not _can_become(state[name], value)]
    found = dict(missing=missing, unexpected=unexpected)
    found['of another shape'] = reshaped
    found['of another type'] = retyped
    return '; '.join(f'{kind}: {shorten(names)}' for kind, names in found.items() if names)


def _can_become(value: Tensor, wanted: Tensor) -> bool:
    # Integers are quantised weights, which mean something else than their values.
    return (value.layout == wanted.layout and not value.is_meta and not value.is_complex()
            and not value.is_quantized
            and (value.is_floating_point() or not wanted.is_floating_point()))


def _type_of(value: Tensor) -> str:
    kind = str(value.dtype).replace('torch.', '')
    return f'{kind} without values' if value.is_meta else kind if value.layout == torch.strided \
        else f'{kind}, {value.layout}'.replace('torch.', '')


def _explain_misfit(target: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    for wanted, mark in MSRRESNET.items():
        reason = explain_msrresnet(state, wanted) if mark in target else None
        if reason:
            return reason[0].upper() + reason[1:]
    return 'Is it the weights of another architecture, or does the config differ?'
