"""MMDeSRA: detect the artifacts of GAN super-resolution and fine-tune them away, with MMagic.

Importing the package mends what today's libraries break in MMagic (`mmdesra.compat`) and tells
mmengine which types the package offers (`mmdesra.registration`). It imports neither MMagic nor
the modules behind those types.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from mmdesra.version import __version__


def prepare() -> None:
    """Mend and register; what importing the package does, and may be done again.

    Raises:
        ModuleNotFoundError: mmengine is not installed.
    """
    if find_spec('mmengine') is None:
        # Not a requirement of the package: setup.cfg says why.
        raise ModuleNotFoundError(
            'Expected mmengine, which every environment with MMagic has, but found none. '
            "For detection alone: pip install 'mmengine>=0.10,<1'", name='mmengine')
    from mmdesra.compat import mend
    from mmdesra.registration import register
    mend()
    register()


def is_to_be_run() -> bool:
    """Whether Python is on its way to `__main__.py`, for ``python -m mmdesra ...``.

    While it looks for that, ``sys.argv`` begins with ``-m`` (Python before 3.10 keeps no
    ``orig_argv``, which names the module; there the answer is always no).
    """
    given = getattr(sys, 'orig_argv', [])
    return sys.argv[:1] == ['-m'] and given[-len(sys.argv):][:1] == [__name__]


if not is_to_be_run():  # the program prepares when it knows what to do: --help needs no PyTorch
    prepare()

__all__ = ['__version__', 'prepare']
