"""Rewriting a checkpoint for other programs, or for MMagic."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..files import make_output_folder, write_bytes, write_weights
from .basicsr_keys import (
    DISCRIMINATORS,
    explain_msrresnet,
    network_of,
    to_basicsr,
    to_mmagic,
    to_names_like,
)
from .build import load_generator
from .checkpoint import (
    SAFETENSORS_SUFFIX,
    CheckpointError,
    find_weights,
    local_checkpoint,
    read_checkpoint,
    resembling,
    shorten,
)

CODE_BASES = {'basicsr': 'BasicSR', 'mmagic': 'MMagic'}
"""Whose layouts of names are known, by the name that options have."""
ROLES = ('generator', 'discriminator')
PREFIXES = dict(generator=('generator.', 'generator_ema.'), discriminator=('discriminator.',))
"""What MMagic writes before the names of a role's parameters."""


@dataclass(frozen=True)
class Conversion:
    """What was converted.

    Attributes:
        layout (str): What was found in the source, and what was left out.
        network (str | None): BasicSR's name of the network; None if it is none that we know,
            whose parameters keep their names.
        tensors (int): Number of tensors.
        values (int): Number of values in them.
    """
    layout: str
    network: str | None
    tensors: int
    values: int


def convert_checkpoint(source: str | Path, target: str | Path, to: str = 'basicsr',
                       role: str = 'generator', generator: str | dict | None = None,
                       overwrite: bool = False) -> Conversion:
    """Write the weights of one network in another layout: other names, the same tensors.

    ====================== ========================================================
    ``to``, suffix         content
    ====================== ========================================================
    basicsr, .safetensors  the weights under BasicSR's names
    basicsr, else          the same under ``params_ema`` (discriminator: ``params``)
    mmagic                 ``state_dict`` with MMagic's names after ``generator.``
                           and again after ``generator_ema.`` (``discriminator.``)
    ====================== ========================================================

    Args:
        source (str | Path): In any layout of :func:`mmdesra.generators.load_weights`.
        target (str | Path): File to write, atomically; its folder is made if needed.
        to (str): A key of :data:`CODE_BASES`.
        role (str): ``'generator'`` or ``'discriminator'``, for files that hold both.
        generator (str | dict, optional): The generator that the weights must fill; see
            :func:`mmdesra.generators.build_generator`. Its names are written for MMagic.
        overwrite (bool): Replace ``target`` if it is there.

    Raises:
        CheckpointError: If the source cannot be used or does not fit ``generator``, the target
            is there or has a suffix that does not go with ``to``, or the network cannot be
            expressed in the other code base.
        GeneratorError: If ``generator`` cannot be built.
        OSError: If the target cannot be written.
    """
    source, target = local_checkpoint(source), Path(target)
    _check_target(source, target, to, overwrite)
    wanted = None
    if generator is not None:
        if role != 'generator':
            raise CheckpointError(f'{source}: a generator was named to check a {role} with')
        wanted = load_generator(generator, source).state_dict()
    found = find_weights(source, read_checkpoint(source), role,
                         _is_known if wanted is None else resembling(wanted))
    network = network_of(to_basicsr(found.state).values())
    reason = (_explain_tensors(found.state) or explain_msrresnet(found.state, CODE_BASES[to])
              or _explain_role(network, role))
    if reason:
        raise CheckpointError(f'{source} ({found.layout}): {reason}')
    names = _names_for(found.state, to, wanted)
    # Clones, because a view would be written with all that it is a view of.
    state = {names[name]: value.detach().clone(memory_format=torch.contiguous_format)
             for name, value in found.state.items()}
    make_output_folder(target.parent)
    _write(state, target, to, role, is_safetensors=target.suffix == SAFETENSORS_SUFFIX)
    return Conversion(found.layout, network, len(state),
                      sum(value.numel() for value in state.values()))


def _check_target(source: Path, target: Path, to: str, overwrite: bool) -> None:
    suffixes = ('.pth', SAFETENSORS_SUFFIX) if to == 'basicsr' else ('.pth',)
    if target.suffix not in suffixes:
        raise CheckpointError(f'{target}: expected a name that ends in {" or ".join(suffixes)}')
    if target.exists() and target.samefile(source):
        raise CheckpointError(f'{target}: is the file to convert; name another one to write')
    if target.exists() and not overwrite:
        raise CheckpointError(f'{target}: is there already; it is replaced only with --overwrite')


def _is_known(state: Mapping[str, Tensor]) -> float:
    """Return 1 for the names of a network of BasicSR's, by whichever naming."""
    return float(network_of(to_basicsr(state).values()) is not None)


def _explain_tensors(state: Mapping[str, Tensor]) -> str | None:
    """Return why these are no weights that other programs can read, if they are not."""
    others = [name for name, value in state.items()
              if value.layout != torch.strided or value.is_meta or value.is_quantized]
    return f'expected plain tensors, got others: {shorten(others)}' if others else None


def _explain_role(network: str | None, role: str) -> str | None:
    """Return why these are not the weights of a role, if they are not."""
    if network and (network in DISCRIMINATORS) != (role == 'discriminator'):
        [other] = set(ROLES) - {role}
        return f'expected a {role}, got the {other} {network} (--role {other})'
    return None


def _names_for(state: Mapping[str, Tensor], to: str,
               wanted: Mapping[str, Tensor] | None) -> dict[str, str]:
    if to == 'basicsr':
        return to_basicsr(state)
    return to_mmagic(state) if wanted is None else to_names_like(state, wanted)


def _write(state: dict[str, Tensor], path: Path, to: str, role: str,
           is_safetensors: bool) -> None:
    if is_safetensors:
        from safetensors.torch import save
        write_bytes(path, save(state, dict(format='pt')))  # its own writer makes private files
    elif to == 'basicsr':
        write_weights(path, {'params_ema' if role == 'generator' else 'params': state})
    else:
        # A tensor that is in a file twice is stored once.
        write_weights(path, dict(meta={}, state_dict={
            prefix + name: value for prefix in PREFIXES[role] for name, value in state.items()}))
