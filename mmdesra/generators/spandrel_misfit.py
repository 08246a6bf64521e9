"""Why weights do not fit the network that spandrel takes them for, parameter by parameter."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from .basicsr_keys import renamed_rrdbnet
from .weight_sets import shorten

_LISTS = {
    'missing': re.compile(r'Missing key\(s\) in state_dict: (.*?)\.\s*(?:\n|$)', re.DOTALL),
    'unexpected': re.compile(r'Unexpected key\(s\) in state_dict: (.*?)\.\s*(?:\n|$)', re.DOTALL)}
_RESHAPED = re.compile(
    r'size mismatch for (\S+): copying a param with shape torch\.Size\(\[(.*?)\]\) from '
    r'checkpoint, the shape in current model is torch\.Size\(\[(.*?)\]\)')


def explain_misfit(error: Exception, names: Iterable[str]) -> str:
    """Return what is wrong, as for any other network.

    Args:
        error (Exception): What spandrel raised. Of its own it only passes on what PyTorch's
            strict loading says, or fails on a name that it reads a size from.
        names (Iterable[str]): Those in the file.
    """
    text, names = str(error), [*names]
    kinds = {kind: re.findall(r'"(.*?)"', found[1]) for kind, pattern in _LISTS.items()
             if (found := pattern.search(text))}
    kinds['of another shape'] = [f'{name} ({_shape(got)} instead of {_shape(wanted)})'
                                 for name, got, wanted in _RESHAPED.findall(text)]
    if isinstance(error, KeyError) and error.args:
        kinds['missing'] = [str(error.args[0])]
    kinds = {kind: names_in_file(found, names) for kind, found in kinds.items()}
    parts = [f'{kind}: {shorten(found)}' for kind, found in kinds.items() if found]
    if parts:
        return '; '.join(parts)
    lines = text.splitlines() or ['']
    return (f'{type(error).__name__}: {lines[0]}'.removesuffix(': ')
            + f'; its names begin with {shorten(names)}')


def names_in_file(found: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return what parameters of spandrel's network are called in a file.

    spandrel renames one network before it loads it: an RRDBNet, to ESRGAN's first names.

    Args:
        found (Iterable[str]): Names in spandrel's network, of which more may follow the name.
        names (Iterable[str]): Those in the file.
    """
    is_renamed = any(name.startswith('body.') and '.rdb' in name for name in names)
    return [renamed_rrdbnet(name) if is_renamed else name for name in found]


def left_out(state: Mapping[str, Tensor], network: nn.Module) -> list[str]:
    """Return the weights of a file whose values are not in the network that it filled."""
    values = [*network.state_dict().values()]
    if len(state) <= len(values):
        return []
    return [name for name, value in state.items()
            if not any(own.shape == value.shape and torch.equal(own, value.to(own.dtype))
                       for own in values)]


def _shape(sizes: str) -> str:
    return f'({sizes},)' if sizes and ',' not in sizes else f'({sizes})'
