"""Which weights a checkpoint holds, and which of them are meant.

A set is a state dict: under a key, under keys within keys, or those of the names in one that
have a common beginning (``generator_ema.``). Of a network's sets the moving average is taken,
and what was left out is said.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoint_reader import CheckpointError
from .mmengine_ema import EMA_KEY, MODEL_KEY, is_swapped_by_mmengine
from .weight_names import COUNTERS, Label, label_of, plain_name, without_wrappers

Resembles = Callable[[Mapping[str, Tensor]], float]
"""From a state dict to the similarity of its names to the wanted ones: 1 = equal, 0 = none."""

MAX_DEPTH = 5
MAX_PLACES = 4
"""Keys under which one container is followed; a hostile file could nest it endlessly."""
MAX_NAMES = 5
"""Names that a message lists before it says how many more there are."""
FIRST = ('params', 'state_dict', 'model_state_dict', 'model', 'net')
"""Keys for a network, the usual ones; of several the first is meant."""
SAVE_ONE = 'save the one that is meant alone, for example as {"params": ...}'


@dataclass(frozen=True)
class FoundWeights:
    """A state dict found in a checkpoint.

    Attributes:
        layout (str): Where it was found, and what was left out.
        state (Mapping): The weights, by their names without wrappers.
        has_left_out (bool): Whether anything was left out that might be meant, too.
    """
    layout: str
    state: Mapping[str, Tensor] = field(repr=False)
    has_left_out: bool = False

    def __str__(self) -> str:
        return self.layout


@dataclass(frozen=True)
class WeightSet:
    """One of the state dicts in a checkpoint.

    Attributes:
        path (tuple[str, ...]): Keys, and beginnings of names.
        keys (int): How many of them are keys.
        state (Mapping): The weights.
        average (int): How often it is said that they are an average.
        role (str | None): Of the network, if it is named.
        is_known (bool): Whether it is named as a network.
        without (tuple[str, ...]): Names beside the weights that are none.
        score (float): How near the names are to those that are wanted.
    """
    path: tuple[str, ...]
    keys: int
    state: Mapping[str, Tensor] = field(repr=False)
    average: int = 0
    role: str | None = None
    is_known: bool = True
    without: tuple[str, ...] = ()
    score: float = 0

    def below(self, name: str, state: Mapping[str, Tensor], label: Label,
              is_key: bool = False) -> WeightSet:
        """Return a part of it that has a name of its own."""
        average = 0 if label.is_plain else self.average + label.is_average
        return replace(self, path=(*self.path, name), keys=self.keys + is_key, state=state,
                       average=average, role=label.role or self.role,
                       is_known=self.is_known and (label.is_known or label.role is not None))


def find_weights(path: str | Path, content: Mapping, role: str = 'generator',
                 resembles: Resembles = lambda state: 0.) -> FoundWeights:
    """Find the state dict of a role in a checkpoint: the preferred one, or none at all.

    A worse one is never taken because a better one does not fit: that would hide the misfit.

    Args:
        path (str | Path): The checkpoint, for messages.
        content (Mapping): What is in it.
        role (str): Of the network that is wanted.
        resembles (Callable): Tells the network's own names from what scripts write before them.

    Raises:
        CheckpointError: If there are no weights of this role, or several between which nothing
            decides.
    """
    sets, unusable = _sets_in(content, role)
    sets = [part for one in sets for part in _split(one, role, resembles)]
    mine = [one for one in sets if one.role in (None, role)]
    if not mine:
        raise CheckpointError(f'{path}: {_say_nothing_found(sets, content, role)}')
    nameless = [name for name, is_nameless in unusable.items() if is_nameless]
    if nameless and role != 'discriminator':  # whose average nobody keeps
        raise CheckpointError(f'{path}: its average of the weights, {shorten(nameless)}, has no '
                              f'names and cannot be read; {SAVE_ONE}')
    taken = _preferred(path, mine, role)
    others = [one for one in mine if one is not taken]
    return _describe(taken, others, role, [f'{name} (empty)' for name in unusable],
                     is_swapped_by_mmengine(content))


def holds_role(content: Mapping, role: str) -> bool:
    """Whether a checkpoint is a whole model of MMagic's with a network of this role."""
    sets, _ = _sets_in(content, role)
    parts = [part for one in sets for part in _split(one, role, lambda state: 0.)]
    return any(part.path in ((role,), (MODEL_KEY, role)) and part.keys < len(part.path)
               for part in parts)


def shorten(names: list[str]) -> str:
    """Return the first of some names, and how many more there are, for messages."""
    rest = len(names) - MAX_NAMES
    return ', '.join(names[:MAX_NAMES]) + (f' and {rest} more' if rest > 0 else '')


# ---------------------------------------- finding


def _sets_in(content: Mapping, role: str) -> tuple[list[WeightSet], dict[str, bool]]:
    """Return the state dicts in a checkpoint, and the averages that cannot be used.

    The latter by their place in the file: True for tensors without names, False for empty ones.
    """
    unusable: dict[str, bool] = {}
    sets = [*_walk(WeightSet((), 0, content), role, unusable, Counter())]
    if is_swapped_by_mmengine(content):
        sign = {MODEL_KEY: 1, EMA_KEY: -1}
        sets = [replace(one, average=one.average + sign.get(one.path[0], 0)) for one in sets]
    return sets, unusable


def _walk(here: WeightSet, role: str, unusable: dict[str, bool],
          seen: Counter[int]) -> Iterator[WeightSet]:
    seen[id(here.state)] += 1
    if seen[id(here.state)] > MAX_PLACES or here.keys > MAX_DEPTH:
        return
    content: dict[Any, Any] = {**here.state}  # of a file, in which anything may be
    own = {name: value for name, value in content.items()
           if isinstance(name, str) and isinstance(value, Tensor)}
    parts: list[WeightSet] = []
    for name, value in content.items():
        label = label_of(name, role) if isinstance(name, str) else None
        if label is None or label.is_training or isinstance(value, Tensor):
            continue
        below = here.below(name, value, label, is_key=True)
        if isinstance(value, Mapping) and 'param_groups' not in value:
            found = [*_walk(below, role, unusable, seen)]
            parts += found
            if not found and below.average and not _holds_tensors(value):
                unusable.setdefault('.'.join(below.path), False)
        elif below.average and (value is None or _holds_tensors(value)):
            unusable['.'.join(below.path)] = value is not None
    is_state = any('.' in name for name in own)
    if own and (is_state or not parts or any({*own} == {*part.state} for part in parts)):
        yield replace(here, state=own)
        # Other things that a layer stores beside its tensors are not a state dict.
        parts = [part for part in parts if part.average or part.role]
    yield from parts


def _holds_tensors(value: object) -> bool:
    values = value.values() if isinstance(value, Mapping) else value
    return isinstance(value, (Mapping, list, tuple)) and any(
        isinstance(one, (Tensor, Mapping, list)) for one in values)  # type: ignore[attr-defined]


def _split(here: WeightSet, role: str, resembles: Resembles, depth: int = 0) -> list[WeightSet]:
    """Divide a state dict by what stands before its names, where that are several networks.

    It stays whole if its names are those that are wanted.
    """
    score = resembles(here.state)
    if score == 1:
        return [replace(here, score=score)]
    state, left_out = without_wrappers(here.state)
    here = replace(here, state=state, without=(*here.without, *left_out),
                   score=resembles(state))
    if here.score == 1 or depth == MAX_DEPTH:
        return [here]
    groups = _by_beginning(state)
    labels = {name: label_of(name, role) for name in groups}
    labels = {name: label for name, label in labels.items()
              if not label.is_training and (label.is_known or label.role)}
    alone = {name: value for name, value in state.items() if name.partition('.')[0] not in labels}
    of_roles = [name for name, label in labels.items()
                if label.role and label.is_known and not (label.is_letter and alone)]
    parts = [part for name in labels for part in _split(
        here.below(name, groups[name], labels[name]), role, resembles, depth + 1)]
    if of_roles:
        return [part for part in parts if part.role or part.average]
    averages, plain = ([part for part in parts if bool(part.average) is is_average]
                       for is_average in (True, False))
    averaged = {part.path[len(here.path)] for part in averages}
    rest = replace(here, state={name: value for name, value in state.items()
                                if name.partition('.')[0] not in averaged})
    if any(_same_names(part, rest) for part in averages):
        return [*averages, rest]
    is_twice = any(_same_names(part, other) for part in averages for other in plain)
    if not is_twice and not any(part.score > here.score for part in parts):
        return [here]
    beside = _by_beginning(alone, leaves=True)
    return [replace(part, without=(*part.without, *beside)) for part in parts]


def _same_names(one: WeightSet, other: WeightSet) -> bool:
    return {*one.state} == {name for name in other.state if name not in COUNTERS}


def _by_beginning(state: Mapping[str, Tensor], leaves: bool = False) -> dict[str, dict]:
    groups: dict[str, dict] = {}
    for name, value in state.items():
        first, _, rest = name.partition('.')
        if rest or leaves:
            groups.setdefault(first, {})[rest] = value
    return groups


# ---------------------------------------- choosing


def _preferred(path: str | Path, sets: list[WeightSet], role: str) -> WeightSet:
    """Choose the average; of several, or of none, the one that names the network best."""
    ranks = {id(one): _rank(one, role) for one in sets}
    best = min(ranks.values())
    # A GAN's average is the generator's, though its name may not say so.
    limit = max(best, 1) if role == 'generator' else best
    able = [one for one in sets if ranks[id(one)] <= limit]
    able = [one for one in able if one.average] or able
    best = min(ranks[id(one)] for one in able)
    able = [one for one in able if ranks[id(one)] == best]
    most = max(one.average for one in able)
    able = [one for one in able if one.average == most]
    place = min(_place(one) for one in able)
    able = [one for one in able if _place(one) == place]
    fitting = [one for one in able if one.score == 1]
    able = fitting if len(fitting) == 1 else able
    if any(not _is_same(able[0], other) for other in able[1:]):
        names = [_name(one) for one in able]
        raise CheckpointError(f'{path}: holds several sets of weights, and nothing says which is '
                              f'meant: {shorten(names)}; {SAVE_ONE}')
    return able[0]


def _rank(one: WeightSet, role: str) -> int:
    if one.role == role:
        return 0
    return 1 if one.is_known or one.average else 2


def _place(one: WeightSet) -> int:
    name = plain_name(one.path[one.keys - 1]) if one.keys else ''
    return FIRST.index(name) if name in FIRST and not one.average else len(FIRST)


def _is_same(one: WeightSet, other: WeightSet) -> bool:
    try:
        return one.state.keys() == other.state.keys() and all(
            torch.equal(value, other.state[name]) for name, value in one.state.items())
    except RuntimeError:  # of other types, or without values
        return False


# ---------------------------------------- saying


def _describe(taken: WeightSet, others: list[WeightSet], role: str, empty: list[str],
              is_mmengine_ema: bool) -> FoundWeights:
    writer, parent = _writer(taken, role), taken.path[:-1]
    names = [_name(one, parent) if one.path[:-1] == parent and writer else _name(one)
             for one in others] + empty
    text = f'{writer}, {_name(taken, parent)}' if writer else _name(taken)
    if is_mmengine_ema and taken.path[:1] == (MODEL_KEY,):
        text += " (where mmengine's EMAHook puts the EMA)"
    if names:
        text += f', not {shorten(names)}'
    if taken.without:
        text += f', without {shorten([*taken.without])}'
    return FoundWeights(text, taken.state, bool(names or taken.without))


def _writer(one: WeightSet, role: str) -> str | None:
    """Return whose layout it is, if it is one of the well-known ones."""
    if one.keys == len(one.path) == 1 and plain_name(one.path[0]) == 'params':
        return 'BasicSR'
    is_of_model = one.keys == len(one.path) - 1 and one.path[:-1] in ((), (MODEL_KEY,))
    return 'MMagic' if is_of_model and one.path[-1] in (role, f'{role}_ema') else None


def _name(one: WeightSet, parent: tuple[str, ...] = ()) -> str:
    return '.'.join(one.path[len(parent):]) or 'bare state dict'


def _say_nothing_found(sets: list[WeightSet], content: Mapping, role: str) -> str:
    if sets:
        return (f'expected the weights of a {role}, got a model without any; it holds '
                f'{shorten([_name(one) for one in sets])}')
    keys = [str(key) for key in content]
    return 'holds no weights' + (f', only {shorten(keys)}' if keys else '')
