"""Making a network that other code calls take images of any size."""
from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .image_sizes import image_sizes_of, pad_image

_SIZE = '_mmdesra_input_size'


def take_any_size(generator: nn.Module) -> None:
    """Let a network pad images of sizes that it does not take, and crop its output.

    For networks that MMagic calls itself, in validation; :class:`mmdesra.generators.Upscaler`
    does the same for all. Copies of the network do it, too; its state dict stays as it is.

    Raises:
        GeneratorError: If it does not make an SR image of an LR image.
    """
    sizes = image_sizes_of(generator)
    if not hasattr(generator, _SIZE) and max(sizes.multiple, sizes.minimum) > 1:
        setattr(generator, _SIZE, None)
        generator.register_forward_pre_hook(_extend)
        generator.register_forward_hook(_cut)


def _extend(generator: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    image, *others = inputs
    height, width = image.shape[-2:]
    setattr(generator, _SIZE, (height, width))
    sizes = image_sizes_of(generator)
    return pad_image(image, sizes.padded(height), sizes.padded(width)), *others


def _cut(generator: nn.Module, _: tuple[Any, ...], sr: Tensor) -> Tensor:
    height, width = getattr(generator, _SIZE)
    scale = image_sizes_of(generator).scale
    return sr[..., :height * scale, :width * scale]
