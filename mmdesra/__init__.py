"""MMDeSRA: detect the artifacts of GAN super-resolution and fine-tune them away, with MMagic.

Importing the package mends what today's libraries break in MMagic (`mmdesra.compat`) and tells
mmengine which types the package offers (`mmdesra.registration`). It imports neither MMagic nor
the modules behind those types. Runs that use one of them read weights without running code from
the file (`mmdesra.engine.safe_runs`).
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec('mmengine') is None:
    # Not a requirement of the package: setup.cfg says why.
    raise ModuleNotFoundError(
        'Expected mmengine, which every environment with MMagic has, but found none. '
        "For detection alone: pip install 'mmengine>=0.10,<1'", name='mmengine')

from mmdesra.after_import import watch_runners
from mmdesra.compat import mend
from mmdesra.registration import register
from mmdesra.version import __version__

mend()
register()
watch_runners()

__all__ = ['__version__']
