"""Any architecture that spandrel knows, as a generator that trains."""
from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .checkpoint import (
    CheckpointError,
    find_weights,
    read_checkpoint,
    report_weights,
    shorten,
)
from .image_sizes import CHANNELS, ImageSizes, grid_of, pad_image, round_up
from .spandrel_misfit import explain_misfit, left_out, names_in_file

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor

NETWORK = 'network.'
PROBE_SIDE = 16
"""Least side of the image on which a network is tried, in pixels."""


class SpandrelGenerator(nn.Module):
    """The network that a checkpoint is of, recognised by spandrel (``pip install spandrel``).

    spandrel's own call is for inference: it switches gradients off and clamps in place. This
    module trains, and in evaluation mode gives the same images, up to the clamping. Its state
    dict has the names of the network, without a prefix, so that weights of the same network fit
    wherever they come from.

    Args:
        checkpoint (str | Path): Tells the architecture and its sizes, and is loaded. Any layout
            of :func:`mmdesra.generators.load_weights`; read with ``weights_only=True``.

    Attributes:
        network (nn.Module): The network itself.
        architecture (str): spandrel's name of it.
        upscale_factor (int): Sides of the output by those of the input.

    Raises:
        CheckpointError: If spandrel is not installed, does not know the architecture, or knows
            it as something else than a network from RGB images to RGB images.
    """

    def __init__(self, checkpoint: str | Path) -> None:
        super().__init__()
        descriptor = _recognise(checkpoint)
        self.network = descriptor.model
        self.architecture = descriptor.architecture.name
        self.upscale_factor = descriptor.scale
        self._requirements = descriptor.size_requirements
        self._register_state_dict_hook(_drop_prefix)
        self._register_load_state_dict_pre_hook(_add_prefix)
        self._check(descriptor, checkpoint)

    @property
    def image_sizes(self) -> ImageSizes:
        """ImageSizes: What spandrel says of the network."""
        asked = self._requirements
        multiple = asked.multiple_of
        return ImageSizes(self.upscale_factor, multiple, round_up(max(asked.minimum, 1), multiple),
                          grid_of(self.network, multiple))

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge a batch of images.

        Args:
            x (Tensor): (N, 3, H, W), RGB in [0, 1], of any size: what the network asks for is
                padded, mirrored at the right and lower edge, and cut off again.

        Returns:
            Tensor: (N, 3, H · upscale_factor, W · upscale_factor), in [0, 1] up to overshoots.

        Raises:
            TypeError: If the network returns anything but an image.
        """
        return self._run(self.network, x)

    def _run(self, network: nn.Module, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        right, below = self._requirements.get_padding(width, height)
        y = network(pad_image(x, height + below, width + right))
        if not isinstance(y, Tensor):
            raise TypeError(f'expected an image, got {type(y).__name__}')
        return y[..., :height * self.upscale_factor, :width * self.upscale_factor]

    def extra_repr(self) -> str:
        """Return what the network is."""
        return f'{self.architecture}, x{self.upscale_factor}'

    def _check(self, descriptor: ImageModelDescriptor, checkpoint: str | Path) -> None:
        """Compare with spandrel's own call, which does more than the network alone for some."""
        side = max(PROBE_SIDE, descriptor.size_requirements.minimum)
        image = torch.rand((1, CHANNELS, side, side), generator=torch.Generator().manual_seed(0))
        # On a copy: some networks fold their weights in evaluation mode, and tensors made in
        # inference mode cannot be trained.
        copy = deepcopy(descriptor).eval()
        try:
            with torch.no_grad():
                result = self._run(copy.model, image).clamp(0, 1)
            is_same = torch.allclose(result, copy(image), atol=1e-4, equal_nan=True)
        except (TypeError, RuntimeError):  # no image, or one of another size
            is_same = False
        if not is_same:
            raise CheckpointError(f'{checkpoint}: is of the architecture {self.architecture}, '
                                  'whose result is not simply its output; it cannot be used as a '
                                  'generator')


def _recognise(checkpoint: str | Path) -> ImageModelDescriptor:
    try:
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError
    except ImportError as error:
        raise CheckpointError(f'{checkpoint}: recognising its architecture needs spandrel '
                              f'({error}): pip install spandrel') from error
    found = find_weights(checkpoint, read_checkpoint(checkpoint), resembles=_is_recognised)
    source = f'{checkpoint} ({found.layout})'
    try:
        descriptor = ModelLoader().load_from_state_dict(dict(found.state))
    except UnsupportedModelError as error:
        raise CheckpointError(f'{source}: is of no architecture that spandrel knows (its names: '
                              f'{shorten([*found.state])}); name a config with its generator '
                              '(--generator CONFIG)') from error
    except Exception as error:  # its architectures read sizes from the weights without checks
        raise CheckpointError(f'{source}: resembles an architecture that spandrel knows, but does '
                              f'not fit it: {explain_misfit(error, found.state)}') from error
    # The one architecture of spandrel's that renames weights and drops those it does not know.
    is_renamed = descriptor.architecture.id == 'ESRGAN'
    rest = left_out(found.state, descriptor.model) if is_renamed else []
    if rest:
        raise CheckpointError(f'{source}: resembles an architecture that spandrel knows, but does '
                              f'not fit it: unexpected: {shorten(rest)}')
    report_weights(checkpoint, found)
    broken = [name for name, value in descriptor.model.named_parameters()
              if not value.isfinite().all()]
    if broken:
        raise CheckpointError(f'{source}: holds NaN or infinity in '
                              f'{shorten(names_in_file(broken, found.state))}; its '
                              'training diverged, or the file is damaged')
    channels = descriptor.input_channels, descriptor.output_channels
    if not isinstance(descriptor, ImageModelDescriptor) or channels != (CHANNELS, CHANNELS):
        raise CheckpointError(f'{checkpoint}: expected a network from RGB images to RGB images, '
                              f'got {descriptor.architecture.name} ({descriptor.purpose}, '
                              f'{channels[0]} to {channels[1]} channels)')
    return descriptor


def _is_recognised(state: Mapping[str, Tensor]) -> float:
    """Return 1 where spandrel takes weights for a network that it knows."""
    from spandrel import MAIN_REGISTRY
    for support in MAIN_REGISTRY.architectures('detection'):
        try:
            if support.detect(dict(state)):
                return 1
        except (LookupError, AttributeError, TypeError, ValueError, RuntimeError):
            continue  # what a detector fails on is not of its architecture
    return 0


def _drop_prefix(module: nn.Module, state: dict[str, Tensor], prefix: str, _: Any) -> None:
    for name in [name for name in state if name.startswith(prefix + NETWORK)]:
        state[prefix + name[len(prefix + NETWORK):]] = state.pop(name)


def _add_prefix(state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    for name in [name for name in state if name.startswith(prefix)]:
        state[f'{prefix}{NETWORK}{name[len(prefix):]}'] = state.pop(name)
