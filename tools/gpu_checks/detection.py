"""D and mask on the device: the CPU's results, pairs a second, and what copying alone allows."""
from __future__ import annotations

from functools import partial

import numpy as np
import torch
from harness.clock import Clock
from torch import Tensor

from mmdesra.detectors import DeSRA
from mmdesra.ops import difference_map

from .images import make_pair
from .part import Part, Settings

SIDES = 1024, 2048, 4096
QUICK_SIDES = 128, 256
NOTES = (
    ('"map": D on the device, where the images are already, as 8 bits, and the map stays. Its '
     'floor is a copy within the device of as many bytes as the two images and the float32 map.'),
    ('"mask": from two arrays to a mask in main memory, the mask cleaned on the CPU as '
     'everywhere. Its floor is copying the images over and a mask back.'))
MIN_AREA = '0.4%'
MAP_TOLERANCE = 1e-6
"""Maps are float32 and at most 1."""


def run(part: Part, settings: Settings) -> None:
    """Measure each size."""
    part.notes += NOTES
    for side in QUICK_SIDES if settings.quick else SIDES:
        with part.section(f'detection at {side}x{side}'):
            measure(part, settings, side)


def measure(part: Part, settings: Settings, side: int) -> None:
    """Compare with the CPU at one size, then measure."""
    clock = Clock(settings.device, *((3, 1.) if settings.quick else (20, 4.)))
    gan, mse = make_pair(side)
    here = DeSRA(min_area=MIN_AREA)
    there = DeSRA(min_area=MIN_AREA, device=str(settings.device))
    expected, found = here.detect(gan, mse), there.detect(gan, mse)
    error = float(np.abs(found.map - expected.map).max())
    pixels = int(np.count_nonzero(found.mask != expected.mask))
    part.expect(error <= MAP_TOLERANCE, f'{side}: maps differ from the CPU by {error:.1e}')
    part.expect(pixels == 0, f'{side}: masks differ from the CPU on {pixels} px')
    part.expect(0 < expected.area < expected.mask.size, f'{side}: nothing to compare was found')

    first, second = tensors = [torch.from_numpy(image).permute(2, 0, 1).to(settings.device)
                               for image in (gan, mse)]
    difference = clock.seconds(lambda: difference_map(first, second))
    mask = clock.seconds(lambda: there.find_mask(gan, mse))
    floor = clock.seconds(copy_within(tensors))
    there_and_back = clock.seconds(partial(copy_over, gan, mse, settings.device))
    cpu = Clock(torch.device('cpu'), 3, 1.).seconds(lambda: here.find_mask(gan, mse))
    part.row(
        'Detection', side=side, map_error=error, mask_px_that_differ=pixels,
        map_pairs_per_s=1 / difference, map_share_of_copy=floor / difference,
        mask_pairs_per_s=1 / mask, mask_share_of_copy=there_and_back / mask,
        mask_pairs_per_s_on_cpu=1 / cpu,
        map_peak_mib=clock.peak_mib(lambda: difference_map(first, second)),
        mask_peak_mib=clock.peak_mib(lambda: there.find_mask(gan, mse)))


def copy_within(tensors: list[Tensor]) -> partial:
    """Return what copies, within a device, half of the bytes that D reads and writes.

    A copy reads and writes each of its bytes.
    """
    images = sum(tensor.numel() for tensor in tensors)
    map_bytes = 4 * tensors[0].shape[1] * tensors[0].shape[2]
    source = torch.zeros((images + map_bytes) // 2, dtype=torch.uint8, device=tensors[0].device)
    return partial(torch.empty_like(source).copy_, source)


def copy_over(gan: np.ndarray, mse: np.ndarray, device: torch.device) -> None:
    """Copy two images to a device and a mask back."""
    images = [torch.from_numpy(image).to(device) for image in (gan, mse)]
    images[0][..., 0].contiguous().cpu()
