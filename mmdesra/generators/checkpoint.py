"""Loading a generator's weights from the layouts that are in use, completely or not at all."""
from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import InputError
from .basicsr_keys import MSRRESNET, explain_msrresnet, to_names_like
from .checkpoint_file import check_file, check_tensors

SAFETENSORS_SUFFIX = '.safetensors'
MAX_NAMES = 5
"""Parameter names that an error lists before it says how many more there are."""

WRAPPERS = ('state_dict', 'model_state_dict', 'model', 'net')
"""Keys under which training scripts keep the weights beside other things."""

ATTENTION_MASK = '.attn_mask'
"""SwinIR's masks of shifted windows are no weights: they follow from the size of the training
patches, and for any other size are computed anew. Only whether there is one counts."""


class CheckpointError(InputError):
    """A checkpoint that cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class FoundWeights:
    """A state dict found in a checkpoint, and the layout that it was found under."""
    layout: str
    state: Mapping[str, Tensor] = field(repr=False)


def load_weights(module: nn.Module, path: str | Path, role: str = 'generator') -> str:
    """Fill a module completely from a checkpoint.

    Known layouts: MMagic (``state_dict`` with ``generator_ema.`` or ``generator.`` before the
    names; the EMA is preferred), BasicSR (``params_ema``, ``params``; likewise), a bare state
    dict, alone or under one of :data:`WRAPPERS`, and safetensors of any of these names. Names
    may be those of BasicSR, MMagic or ESRGAN; see :mod:`mmdesra.generators.basicsr_keys`. Files
    are read with ``weights_only=True``.

    Args:
        module (nn.Module): The generator (or discriminator) to fill, in place.
        path (str | Path): ``.pth``, ``.pt``, ``.ckpt`` or ``.safetensors``.
        role (str): The attribute under which an MMagic model holds the module.

    Returns:
        str: The layout that was loaded, and what was left out for it, for the log.

    Raises:
        CheckpointError: If the file cannot be read safely, or if nothing in it fits the whole
            module; the message names what is missing, unexpected or of another shape.
    """
    return fill_weights(module, read_checkpoint(path), path, role)


def fill_weights(module: nn.Module, content: Mapping, path: str | Path,
                 role: str = 'generator') -> str:
    """Fill a module from the content of a checkpoint ``path``; see :func:`load_weights`."""
    found = find_weights(content, role)
    if found is None:
        raise CheckpointError(f'{path}: holds no weights')
    target = module.state_dict()
    names = to_names_like(found.state, target)
    state = {names[name]: value for name, value in found.state.items()}
    state.update({name: value for name, value in target.items()
                  if name.endswith(ATTENTION_MASK) and name in state})
    differences = _differences(target, state)
    if differences:
        raise CheckpointError(f'{path} ({found.layout}) does not fit the {role} '
                              f'{type(module).__name__}: {"; ".join(differences)}. '
                              f'{_explain_misfit(target, found.state)}')
    refuse_broken_values(target, state, f'{path} ({found.layout})')
    module.load_state_dict({name: state.get(name, value) for name, value in target.items()})
    is_renamed = any(name != new for name, new in names.items())
    return found.layout + (', renamed' if is_renamed else '')


def refuse_broken_values(target: Mapping[str, Tensor], state: Mapping[str, Tensor],
                         source: str) -> None:
    """Make sure that weights are numbers, as they are in the module that they are for.

    Raises:
        CheckpointError: If there is NaN or infinity in them.
    """
    broken = [name for name, value in state.items()
              if not value.isfinite().all() and target[name].isfinite().all()]
    if broken:
        raise CheckpointError(f'{source}: holds NaN or infinity in {shorten(broken)}; its '
                              'training diverged, or the file is damaged')


def read_checkpoint(path: str | Path) -> Mapping:
    """Read a checkpoint file on the CPU without running any code that it may hold.

    Raises:
        CheckpointError: If the file is missing, damaged, needs more than tensors and plain
            containers to be unpickled, or would take far more memory than its size; see
            :mod:`mmdesra.generators.checkpoint_file`.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'{path}: no such checkpoint file')
    try:
        check_file(path)
        if path.suffix == SAFETENSORS_SUFFIX:
            from safetensors.torch import load_file
            return load_file(path)
        content = torch.load(path, map_location='cpu', weights_only=True)
        if isinstance(content, Mapping):
            check_tensors(content, path)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f'{path}: is damaged, or holds Python objects besides tensors, which are not loaded '
            f'because that would run code from the file ({_refusal(error)}). If you trust '
            'it, save its state dict alone and use that file') from error
    except Exception as error:  # every reader has errors of its own for damaged files
        raise CheckpointError(f'{path}: cannot be read as a checkpoint, the file may be damaged '
                              f'or of another kind ({_first_line(error)})') from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f'{path}: expected a dict of weights, got '
                              f'{type(content).__name__}')
    return content


def find_weights(content: Mapping, role: str = 'generator') -> FoundWeights | None:
    """Find the state dict of a role in a checkpoint: the preferred one, or none at all.

    A worse one is never taken because a better one does not fit: that would hide the misfit.
    """
    found = {key: content[key] for key in ('params_ema', 'params')
             if isinstance(content.get(key), Mapping)}
    if found:
        return _preferred('BasicSR', found)
    wrapper = next((key for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
    state = _tensors(content[wrapper] if wrapper else content)
    for name in (f'{role}_ema', role):
        part = {key[len(name) + 1:]: value for key, value in state.items()
                if key.startswith(f'{name}.')}
        if part:
            found[name] = part
    if found:
        return _preferred('MMagic', found)
    if wrapper:
        return FoundWeights(wrapper, state)
    return FoundWeights('bare state dict', state) if state else None


def fingerprint(module: nn.Module) -> str:
    """Return a SHA-256 over a module's names, shapes and values: equal weights, equal text."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if name.endswith('num_batches_tracked'):
            continue  # it never changes an output
        digest.update(f'{name} {tuple(value.shape)} {value.dtype}\n'.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _preferred(layout: str, found: dict[str, Mapping]) -> FoundWeights:
    first, *others = found
    left_out = f', not {others[0]}' if others else ''
    return FoundWeights(f'{layout}, {first}{left_out}', _tensors(found[first]))


def _tensors(mapping: Mapping) -> dict[str, Tensor]:
    # DataParallel wrappers write 'module.' before every name.
    return {name.removeprefix('module.'): value
            for name, value in mapping.items()
            if isinstance(name, str) and isinstance(value, Tensor)}


def _differences(target: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    missing = [name for name in target
               if name not in state and not name.endswith('num_batches_tracked')]
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
    return [f'{kind}: {shorten(names)}' for kind, names in found.items() if names]


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


def shorten(names: list[str]) -> str:
    """Return the first of some names, and how many more there are, for messages."""
    rest = len(names) - MAX_NAMES
    return ', '.join(names[:MAX_NAMES]) + (f' and {rest} more' if rest > 0 else '')


def _refusal(error: pickle.UnpicklingError) -> str:
    # Around it PyTorch says how to load the file all the same.
    found = re.search(r'[Uu]nsupported .*?(?=\. |$)', str(error), re.MULTILINE)
    return found[0] if found else 'it is no pickle of weights'


def _first_line(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'.splitlines()[0].removesuffix(': ')
