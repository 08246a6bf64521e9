"""MMDeSRA: detect the artifacts of GAN super-resolution and fine-tune them away, with MMagic.

Importing the package mends what today's libraries break in MMagic (`mmdesra.compat`) and tells
mmengine which types the package offers (`mmdesra.registration`). It imports neither MMagic nor
the modules behind those types.
"""

from __future__ import annotations

from mmdesra.compat import mend
from mmdesra.registration import register
from mmdesra.version import __version__

mend()
register()

__all__ = ['__version__']
