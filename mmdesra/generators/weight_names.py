"""Reading the keys of a checkpoint: is it a moving average, and of which network?

The words of a name are looked at, however they are joined: ``params_ema``, ``params-ema``,
``paramsEma`` and ``EMA.params`` are the same.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

AVERAGE = frozenset(('ema', 'swa', 'averaged', 'average', 'avg', 'shadow', 'polyak'))
"""Words for the moving average of the weights."""
PLAIN = frozenset(('online', 'backup', 'raw', 'current', 'no', 'non', 'not', 'without'))
"""Words for the weights that are not the average: ``online_model``, ``without_ema``."""
ROLES = {'generator': frozenset(('generator', 'gen', 'netg', 'g')),
         'discriminator': frozenset(('discriminator', 'disc', 'netd', 'd'))}
"""Words for a network of a GAN."""
LETTERS = frozenset('gd')
NETWORK = frozenset((
    'params', 'param', 'parameters', 'state', 'dict', 'statedict', 'sd', 'model', 'models',
    'module', 'net', 'nets', 'network', 'networks', 'weights', 'checkpoint', 'ckpt'))
"""Words for a network, whichever."""
TRAINING = frozenset((
    'optimizer', 'optimizers', 'optimiser', 'optim', 'optims', 'opt', 'scheduler', 'schedulers',
    'scaler', 'amp', 'rng', 'random', 'meta', 'hub', 'callbacks', 'loops', 'loss', 'losses',
    'criterion', 'history', 'metrics', 'hyper', 'hparams', 'config', 'cfg', 'args', 'options'))
"""Words for other things that training scripts save."""

INNER_WRAPPERS = frozenset(('_orig_mod', '_fsdp_wrapped_module', '_checkpoint_wrapped_module'))
"""What torch.compile, FSDP and activation checkpoints write before the part that they wrap."""
OUTER_WRAPPER = 'module.'
"""What data-parallel training and averaged models write before every name."""
COUNTERS = frozenset(('n_averaged', 'steps', 'step', 'initted', 'num_updates', 'updates', 'decay'))
"""Buffers of averaged models themselves, beside the average."""
NEVER_WEIGHTS = 'n_averaged'

_WORDS = re.compile(r'[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+')


@dataclass(frozen=True)
class Label:
    """What a name says.

    Attributes:
        is_average (bool): That the weights are a moving average.
        is_plain (bool): That they are those beside an average.
        role (str | None): The network's role, if it is named.
        is_letter (bool): That the role is named by a mere ``g`` or ``d``.
        is_known (bool): That it is the name of a network, and all its words are understood.
        is_training (bool): That it is something else that training keeps.
    """
    is_average: bool
    is_plain: bool
    role: str | None
    is_letter: bool
    is_known: bool
    is_training: bool


def label_of(name: str, role: str) -> Label:
    """Read a name, in which ``role`` may be named besides :data:`ROLES`."""
    words = words_of(name)
    roles = {**ROLES, role: ROLES.get(role, frozenset(words_of(role)))}
    named = [key for key, vocabulary in roles.items() if words & vocabulary]
    of_roles = frozenset().union(*roles.values())
    is_plain = bool(words & PLAIN)
    return Label(
        is_average=bool(words & AVERAGE) and not is_plain,
        is_plain=is_plain,
        role=named[0] if len(named) == 1 else None,
        is_letter=words & of_roles <= LETTERS and 'net' not in words,
        is_known=bool(words) and words <= AVERAGE | PLAIN | NETWORK | of_roles,
        is_training=bool(words & TRAINING))


def words_of(name: str) -> frozenset[str]:
    """Return the words of a name in lower case: ``netG_EMA`` has net, g and ema."""
    words: set[str] = set()
    for word in map(str.lower, _WORDS.findall(name)):
        stem = word.removesuffix('ema')
        is_joined = stem != word and stem in NETWORK | LETTERS | {'netg', 'netd'}
        words.update((stem, 'ema') if is_joined else (word,))
    return frozenset(words)


def plain_name(name: str) -> str:
    """Return a name without the words for an average, in lower case: ``params`` of params-ema."""
    parts = re.split(r'[^a-z0-9]+', name.lower())
    return '_'.join(part for part in parts if part and part not in AVERAGE)


def without_wrappers(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Return weights by the names that they have without wrappers, and names left out.

    ``_orig_mod.`` goes wherever it stands, ``module.`` from the beginning, however often. What
    an averaged model counts beside its ``module.`` is left out. Where two names would become
    one, they stay as they are.
    """
    state, left_out = _renamed(state, _without_inner_wrappers), []
    while True:
        counters = [name for name in state if name in COUNTERS]
        others = [name for name in state if name not in COUNTERS]
        is_wrapped = bool(others) and all(name.startswith(OUTER_WRAPPER) for name in others)
        gone = counters if is_wrapped else [name for name in counters if name == NEVER_WEIGHTS]
        left_out += gone
        state = {name: value for name, value in state.items() if name not in gone}
        # Also where only some names have the prefix: a part or a counter may not be wrapped.
        new = _renamed(state, lambda name: name.removeprefix(OUTER_WRAPPER) or name)
        if [*new] == [*state]:
            return new, left_out
        state = new


def _without_inner_wrappers(name: str) -> str:
    return '.'.join(part for part in name.split('.') if part not in INNER_WRAPPERS)


def _renamed(state: Mapping[str, Tensor], rename: Callable[[str], str]) -> dict[str, Tensor]:
    new = {rename(name): value for name, value in state.items()}
    return new if len(new) == len(state) else dict(state)
