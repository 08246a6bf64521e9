"""MMDeSRA: detect the artifacts of GAN super-resolution and fine-tune them away, with MMagic.

Importing the package mends what today's libraries break in MMagic (`mmdesra.compat`) and tells
mmengine which types the package offers (`mmdesra.registration`). It imports neither MMagic nor
the modules behind those types. Runs that use one of them read weights without running code from
the file (`mmdesra.engine.safe_runs`).
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

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
    from mmdesra.after_import import watch_runners
    from mmdesra.compat import mend
    from mmdesra.registration import register
    mend()
    register()
    watch_runners()


def is_to_be_run() -> bool:
    """Whether Python is on its way to the program `mmdesra`, by its name or by ``-m mmdesra``.

    While it looks for ``__main__.py``, ``sys.argv`` begins with ``-m`` (Python before 3.10 keeps
    no ``orig_argv``, which names the module; there the answer is no).
    """
    first = sys.argv[:1]
    given = getattr(sys, 'orig_argv', [])
    return Path(''.join(first)).name in (__name__, f'{__name__}.exe') or (
        first == ['-m'] and given[-len(sys.argv):][:1] == [__name__])


if not is_to_be_run():  # the program prepares when it knows what to do: --help needs no PyTorch
    prepare()

__all__ = ['__version__', 'prepare']
