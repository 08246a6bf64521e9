"""Networks that MMagic lacks: SRGAN's generator with batch norm, and its discriminator."""
from __future__ import annotations

from ..on_demand import on_demand

CLASSES = {
    'LDL': 'ldl',
    'PixelTextureLoss': 'texture_loss',
    'SRGANDiscriminator': 'srgan_discriminator',
    'SRResNet': 'srresnet',
}
"""What configs name, by the module that has it; only what is asked for is imported."""

__getattr__ = on_demand(__name__, CLASSES)

__all__ = ['LDL', 'PixelTextureLoss', 'SRGANDiscriminator', 'SRResNet']
