"""Which packages go into a bundle."""
from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from names import normalise, standing_for

OF_TORCH = ('torch', 'filelock', 'fsspec', 'jinja2', 'markupsafe', 'mpmath', 'networkx', 'sympy',
            'typing-extensions', 'setuptools')
"""PyTorch and what it brings along."""

USUAL = (*OF_TORCH, 'numpy', 'opencv-python-headless', 'scipy')
"""What a node is taken to have where it is not said."""

EXTRAS: dict[str, tuple[str, ...]] = dict(
    numba=('numba', 'llvmlite'),
    segmentation=('mmsegmentation', 'prettytable', 'wcwidth', 'ftfy', 'regex'),
    perceptual=('lpips', 'dists-pytorch'),
    spandrel=('spandrel', 'einops'),
    keras=('h5py',),
    tests=('pytest', 'pluggy', 'iniconfig', 'pygments', 'packaging'))
"""What is bundled on demand: packages by the name that is asked for."""

WITHOUT = dict(
    numba='maps on the CPU are made without it, the same but several times slower; on a GPU it is '
          'not used',
    segmentation='the semantic step with an mmseg model (label maps from a folder need none)',
    perceptual='the detectors and distances LPIPS and DISTS',
    spandrel='generators of other architectures, recognised by their weights',
    keras='converting Keras weights',
    tests='check_gpu.py runs without its tests')
"""What is missing where an extra is not bundled."""

TORCHVISION_AHEAD = 15
"""torchvision 0.(N + 15) is built for PyTorch 2.N."""


class ContentsError(ValueError):
    """Options that name no bundle."""


@dataclass(frozen=True)
class Contents:
    """What a bundle holds and what it counts on.

    Attributes:
        wanted (dict[str, str]): Packages to bundle: by normalised name the version, or a
            pattern such as ``2.5.*``.
        there (dict[str, str]): Packages that the node has in their place, by wanted name.
        left_out (dict[str, str]): Extras that are not bundled, with what is then missing.
    """
    wanted: dict[str, str] = field(default_factory=dict)
    there: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def read_pins(*paths: Path) -> dict[str, str]:
    """Read lists of ``name==version``, with comments: versions by normalised name."""
    pins: dict[str, str] = {}
    for path in paths:
        for line in path.read_text(encoding='utf-8').splitlines():
            name, equals, version = line.split('#')[0].strip().partition('==')
            if equals:
                pins[normalise(name)] = version.strip()
    return pins


def choose(pins: Mapping[str, str], more: Mapping[str, str], have: Mapping[str, str] | None,
           extras: Collection[str], numpy: str | None, torch: str | None) -> Contents:
    """Choose what to bundle.

    Args:
        pins (Mapping[str, str]): Of ``requirements/runtime.txt``, all that mmdesra runs with.
        more (Mapping[str, str]): Of the lists of tests and demo, for the extras.
        have (Mapping[str, str], optional): What the node has. Default: :data:`USUAL`.
        extras (Collection[str]): Of :data:`EXTRAS`.
        numpy (str, optional): NumPy's version there, such as ``2.5``.
        torch (str, optional): PyTorch's.

    Raises:
        ContentsError: If the node has no PyTorch, or which one decides and is not said.
    """
    there = dict.fromkeys(USUAL, '') if have is None else dict(have)
    if 'torch' not in there:
        raise ContentsError('expected PyTorch in the list of what the node has: the bundle does '
                            'not carry it, for its build must fit the GPU')
    torch, numpy = torch or there['torch'] or None, numpy or there.get('numpy') or None
    contents, of_extras = Contents(), {name for names in EXTRAS.values() for name in names}
    names = [name for name in pins if name not in of_extras and name != 'torch']
    for extra in EXTRAS:
        if extra in extras:
            names += [name for name in EXTRAS[extra] if name in pins or name in more]
        elif any(standing_for(name, there) is None for name in EXTRAS[extra][:1]):
            contents.left_out[extra] = WITHOUT[extra]
    names += [name for name in ('pygments', 'packaging') if name in pins]  # of matplotlib and rich
    for name in dict.fromkeys(names):
        other = standing_for(name, there)
        if other is not None:
            contents.there[name] = f'{other} {there[other]}'.strip()
        elif name == 'torchvision':
            contents.wanted[name] = torchvision_for(torch)
        elif name == 'numpy' and numpy:
            contents.wanted[name] = numpy if numpy.count('.') > 1 else f'{numpy}.*'
        else:
            contents.wanted[name] = pins.get(name) or more[name]
    return contents


def torchvision_for(torch: str | None) -> str:
    """Return the versions of torchvision that are built for a PyTorch.

    Raises:
        ContentsError: If it is not said, or is no PyTorch 2.
    """
    match = re.match(r'2\.(\d+)', torch or '')
    if match is None:
        raise ContentsError('torchvision is to be bundled, and its build must fit PyTorch: '
                            f'expected --torch with a version such as 2.11, got {torch!r}')
    return f'0.{int(match[1]) + TORCHVISION_AHEAD}.*'
