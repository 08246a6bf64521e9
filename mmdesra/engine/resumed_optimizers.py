"""Optimizers of a resumed run: of the type that the run was begun with, or a word about it."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.optim import OptimWrapper, OptimWrapperDict

from ..generators import CheckpointError

COMMON = {'params', 'param_names', 'lr', 'initial_lr', 'weight_decay', 'maximize', 'foreach',
          'differentiable', 'fused', 'capturable'}
"""Settings that tell no optimizer from another; some came with one PyTorch or another."""


def check_optimizers(wrapper: OptimWrapper | OptimWrapperDict, saved: object,
                     source: str) -> None:
    """Make sure that the optimizers of a config can go on with those of a checkpoint.

    PyTorch takes the state of any: what an optimizer of another type misses in it, it would look
    for in its first step.

    Args:
        wrapper (OptimWrapper | OptimWrapperDict): Those of the run.
        saved (object): Under ``optimizer`` in the checkpoint.
        source (str): The checkpoint, for the message.

    Raises:
        CheckpointError: If one is of another type.
    """
    for name, optimizer, state in _pairs(wrapper, saved):
        groups = state.get('param_groups') if isinstance(state, Mapping) else None
        if not isinstance(groups, (list, tuple)) or not groups:
            continue
        own, others = set(optimizer.defaults) - COMMON, set(groups[0]) - COMMON
        # A newer or older PyTorch knows more or fewer settings of one type, never both.
        if own - others and others - own:
            raise CheckpointError(
                f'{source}: cannot be gone on with: its optimizer{name} has the settings '
                f'{_list(others)}, and the {type(optimizer).__name__} of the config '
                f'{_list(own)}. Resume with the optimizer that the run was begun with, or begin '
                'another run with the weights of this one (gan_checkpoint)')


def _pairs(wrapper: Any, saved: object) -> Iterator[tuple[str, Any, object]]:
    if isinstance(wrapper, OptimWrapperDict):
        states = saved if isinstance(saved, Mapping) else {}
        for name, part in wrapper.items():
            yield f' ({name})', part.optimizer, states.get(name)
    elif isinstance(wrapper, OptimWrapper):
        yield '', wrapper.optimizer, saved


def _list(names: set) -> str:
    return ', '.join(sorted(map(str, names)))
