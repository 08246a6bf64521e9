"""The upscaler with RRDBNet x4plus: speed by the bare network's own, precision, tiles."""
from __future__ import annotations

import copy
from functools import partial
from pathlib import Path

import numpy as np
import torch
from harness.clock import Clock
from torch import Tensor, nn

from mmdesra.generators import Upscaler, load_weights

from .images import make_lq
from .networks import random_rrdbnet
from .part import Part, Settings

SIDE, TILE = 512, 256
QUICK_SIDE, QUICK_TILE = 48, 24
MOST_LEVELS, SHARE = 2, .999
"""Half precision differs from float32 by at most so many levels on this share of the pixels."""


class Autocast(nn.Module):
    """A network in a half precision other than the device's usual one."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Run it under autocast."""
        with torch.autocast(x.device.type, self.dtype):
            return self.network(x)


def run(part: Part, settings: Settings) -> None:
    """Measure float32, float16 and bfloat16, whole and in tiles."""
    network = network_of(part, settings)
    side, tile = (QUICK_SIDE, QUICK_TILE) if settings.quick else (SIDE, TILE)
    lq = make_lq(side, side)
    part.notes.append(f'LR image of {side}x{side} px; tiles of {tile} px. "Of the bare network": '
                      'its weights and input in the same precision, channels last, on the device; '
                      'the upscaler begins and ends with 8 bits in main memory.')
    exact: np.ndarray | None = None
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        name = str(dtype).removeprefix('torch.')
        if settings.device.type == 'cpu' and dtype == torch.float16:
            part.notes.append('float16 is left out: on a CPU half precision is bfloat16.')
            continue
        with part.section(f'upscaler in {name}'):
            image = measure(part, settings, network, dtype, lq, tile, exact)
            exact = image if dtype == torch.float32 else exact


def network_of(part: Part, settings: Settings) -> nn.Module:
    """Return RRDBNet x4plus with the weights that were given, or random ones; it is said."""
    network = random_rrdbnet(settings.quick)
    if settings.weights is None:
        part.notes.append('RANDOM weights (no --weights): precision is that of a random network.')
    elif settings.quick:
        part.notes.append('--weights are not used with --quick, whose network is smaller.')
    else:
        load_weights(network, settings.weights)
        part.notes.append(f'Weights: {Path(settings.weights).name}.')
    return network.to(settings.device)


def measure(part: Part, settings: Settings, network: nn.Module, dtype: torch.dtype,
            lq: np.ndarray, tile: int, exact: np.ndarray | None) -> np.ndarray:
    """Measure one precision; return the SR image."""
    name = str(dtype).removeprefix('torch.')
    clock = Clock(settings.device, *((2, 1.) if settings.quick else (10, 6.)))
    bare = bare_seconds(clock, network, dtype, lq)
    upscalers = dict(whole=upscaler_for(network, dtype), tiled=upscaler_for(network, dtype, tile))
    images = {way: upscaler(lq) for way, upscaler in upscalers.items()}
    megapixels = images['whole'].shape[0] * images['whole'].shape[1] / 1e6
    for way, upscaler in upscalers.items():
        seconds = clock.seconds(partial(upscaler, lq))
        part.row('Upscaler', precision=name, way=way, megapixels_per_s=megapixels / seconds,
                 share_of_bare_network=bare / seconds,
                 peak_mib=clock.peak_mib(partial(upscaler, lq)),
                 **levels(images[way], exact, 'float32'),
                 **levels(images[way], images['whole'] if way == 'tiled' else None, 'whole'))
    if exact is not None:
        close = share_within(images['whole'], exact, MOST_LEVELS)
        # Of bfloat16, with 8 bits, that is not promised.
        part.expect(close >= SHARE or dtype != torch.float16,
                    f'{name}: within {MOST_LEVELS} levels of float32 on {close:.3%} of the '
                    f'pixels, expected {SHARE:.1%}')
    near = share_within(images['tiled'], images['whole'], 1 if dtype == torch.float32 else 2)
    part.expect(near >= SHARE or dtype == torch.bfloat16,
                f'{name}: tiles are as the whole image on {near:.3%} of the pixels only')
    return images['whole']


def upscaler_for(network: nn.Module, dtype: torch.dtype, tile: int = 0) -> Upscaler:
    """Return the upscaler as a user gets it (``half``), where there is such an option."""
    usual = torch.float16 if next(network.parameters()).is_cuda else torch.bfloat16
    if dtype in (torch.float32, usual):
        return Upscaler(network, tile, half=dtype == usual)
    return Upscaler(Autocast(network, dtype), tile)


@torch.no_grad()
def bare_seconds(clock: Clock, network: nn.Module, dtype: torch.dtype, lq: np.ndarray) -> float:
    """Return the seconds of the network alone, all in one precision."""
    bare = copy.deepcopy(network).eval().to(dtype)
    bare.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's stub
    image = torch.from_numpy(lq).permute(2, 0, 1)[None].to(clock.device) / 255
    image = image.to(dtype=dtype, memory_format=torch.channels_last)
    return clock.seconds(partial(bare, image))


def levels(image: np.ndarray, other: np.ndarray | None, name: str) -> dict[str, float | None]:
    """Return how far two images are apart, as figures of a row."""
    if other is None:
        return {f'within_2_of_{name}': None, f'most_levels_from_{name}': None}
    return {f'within_2_of_{name}': share_within(image, other, 2),
            f'most_levels_from_{name}': float(np.abs(image.astype(int) - other).max())}


def share_within(image: np.ndarray, other: np.ndarray, most: int) -> float:
    """Return the share of pixels whose channels all differ by at most so many levels."""
    return float((np.abs(image.astype(int) - other).max(axis=2) <= most).mean())
