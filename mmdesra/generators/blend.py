"""Weights between those of two checkpoints: a slider between a model and its cure.

Interpolating the weights of two networks of which one was fine-tuned from the other gives networks
between them (Wang et al., "Deep Network Interpolation for Continuous Imagery Effect Transition",
CVPR 2019).
"""
from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..files import make_output_folder, write_bytes, write_weights
from ..files.inputs import refuse_same_files
from .basicsr_keys import network_of, to_basicsr, to_names_like
from .checkpoint import (
    ATTENTION_MASK,
    SAFETENSORS_SUFFIX,
    CheckpointError,
    FoundWeights,
    describe_misfit,
    find_weights,
    local_checkpoint,
    read_checkpoint,
    report_weights,
    resembling,
)
from .same_layout import in_layout_of, without_buffers

logger = logging.getLogger('mmdesra')


@dataclass(frozen=True)
class Blend:
    """What was blended.

    Attributes:
        before (str): Which weights of the first file were taken.
        after (str): Which of the second.
        tensors (int): Number of tensors written.
        changed (int): In how many of them the two differ.
    """
    before: str
    after: str
    tensors: int
    changed: int


def blend_checkpoints(before: str | Path, after: str | Path, target: str | Path,
                      strength: float, overwrite: bool = False) -> Blend:
    r"""Write :math:`(1 - s) \cdot before + s \cdot after`, in the layout of ``before``.

    Names are matched after what training scripts write before them is stripped, and whichever
    code base they are of. Integers (counters, indices) and what is no weight (attention masks)
    are those of ``after``. Of a file with several sets, the one that
    :func:`mmdesra.generators.load_weights` takes is blended, and alone is written.

    Args:
        before (str | Path): Weights for the strength 0, in any layout.
        after (str | Path): Weights for the strength 1, of the same network.
        target (str | Path): File to write: ``.safetensors``, or any other name for PyTorch's
            format; its folder is made.
        strength (float): :math:`s`, from 0 to 1.
        overwrite (bool): Replace ``target`` if it is there.

    Raises:
        CheckpointError: If one of them cannot be used, they are of different networks, or
            ``target`` is there.
        InputError: If the strength is none, or ``target`` is one of the two.
    """
    if not (math.isfinite(strength) and 0 <= strength <= 1):
        raise InputError(f'expected a strength from 0 (before) to 1 (after), got {strength}')
    before, after, target = local_checkpoint(before), local_checkpoint(after), Path(target)
    refuse_same_files([target], [before, after])
    if target.exists() and not overwrite:
        raise CheckpointError(f'{target}: is there already; it is replaced only with --overwrite')
    content = read_checkpoint(before)
    first = find_weights(before, content, resembles=_is_known)
    second = find_weights(after, read_checkpoint(after), resembles=resembling(first.state))
    for path, found in ((before, first), (after, second)):
        _refuse_broken(path, found)
    names = to_names_like(second.state, first.state)
    matched = {names[name]: value for name, value in second.state.items()}
    _refuse_misfit(before, first, after, matched)
    for path, found in ((before, first), (after, second)):
        report_weights(path, found)
    changed = sum(not torch.equal(value, matched.get(name, value).to(value.dtype))
                  for name, value in first.state.items() if not _is_of_after(name, value))
    if not changed:
        logger.warning('%s and %s hold the same weights: so does %s', before, after, target)
    blended = {name: between(name, value, matched.get(name, value), strength)
               for name, value in first.state.items()}
    result = in_layout_of(content, {id(first.state[name]): value
                                     for name, value in blended.items()})
    make_output_folder(target.parent)
    if target.suffix == SAFETENSORS_SUFFIX:
        from safetensors.torch import save
        write_bytes(target, save(blended, dict(format='pt')))
    else:
        write_weights(target, result)
    return Blend(first.layout, second.layout, len(blended), changed)


def between(name: str, before: Tensor, after: Tensor, strength: float) -> Tensor:
    """Interpolate a tensor of two checkpoints, in double precision: exact at both ends.

    Args:
        name (str): Its name. Integers and what is no weight are those of ``after``.
        before (Tensor): For the strength 0.
        after (Tensor): For the strength 1, of the same shape.
        strength (float): In [0, 1].
    """
    if _is_of_after(name, before) or torch.equal(before, after):  # infinity less itself is NaN
        return after.clone()
    kind = torch.promote_types(before.dtype, after.dtype)
    return torch.lerp(before.double(), after.double(), strength).to(kind).contiguous()


def _is_of_after(name: str, value: Tensor) -> bool:
    return not value.is_floating_point() or name.endswith(ATTENTION_MASK)


def _is_known(state: Mapping[str, Tensor]) -> float:
    return float(network_of(to_basicsr(state).values()) is not None)


def _refuse_broken(path: Path, found: FoundWeights) -> None:
    broken = [name for name, value in found.state.items()
              if value.is_meta or not value.isfinite().all()]
    if broken:
        raise CheckpointError(f'{path} ({found.layout}): holds NaN or infinity, or no values, in '
                              f'{", ".join(broken[:5])}; it cannot be blended')


def _refuse_misfit(before: Path, first: FoundWeights, after: Path,
                   matched: Mapping[str, Tensor]) -> None:
    misfit = describe_misfit(*map(without_buffers, (first.state, matched)))
    if misfit:
        raise CheckpointError(f'{after} is of another network than {before}, and only weights of '
                              f'one network can be blended. Against the first, it has {misfit}')
