"""Networks that MMagic lacks: SRGAN's generator with batch norm, and its discriminator."""
from __future__ import annotations

from importlib import import_module

CLASSES = {
    'LDL': 'ldl',
    'PixelTextureLoss': 'texture_loss',
    'SRGANDiscriminator': 'srgan_discriminator',
    'SRResNet': 'srresnet',
}
"""What configs name, by the module that has it; only what is asked for is imported."""


def __getattr__(name: str) -> object:
    if name in CLASSES:
        return getattr(import_module(f'.{CLASSES[name]}', __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


__all__ = ['LDL', 'PixelTextureLoss', 'SRGANDiscriminator', 'SRResNet']
