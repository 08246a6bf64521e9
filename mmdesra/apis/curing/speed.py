"""How fast a network enlarges and trains on this machine."""
from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from mmengine.device import get_device
from torch import Tensor, nn

from ...datasets.degradations import seeded
from ...datasets.partner_pipeline import patch_pipeline
from ...datasets.photograph_patches import compose
from ...datasets.photograph_tiles import mirrored
from ...errors import InputError
from ...files import read_image, write_image
from ...generators import Upscaler
from ...generators.evaluating import device_of, evaluating
from ...models.texture_loss import PixelTextureLoss
from .recipe import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]

PROBE_SIDE = 48
ENOUGH = 5.
"""Seconds: what takes longer need not be measured again."""
SLOW = 1.
"""Seconds of an iteration from which on half precision is tried."""
WORTH_IT = .75
"""Share of the time in float32 that half precision may take, at most, to be used."""
SAMPLES = 4
"""Reduced to see how long it takes."""
MMAGIC_MEMORY = 450 * 2**20
"""Bytes that MMagic takes once it is imported; a network of spandrel's does not need it."""


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        forward (float): Seconds to enlarge one LR pixel.
        step (float): Seconds of an iteration of fine-tuning.
        memory (int): Most bytes that the process, or the GPU, uses in training.
        image_memory (float): Bytes that enlarging takes for each LR pixel; 0 where it is too
            little to be seen.
        partner_step (float): Seconds of an iteration of training a partner, with its data; 0:
            as one of fine-tuning.
        is_half (bool): Whether a partner is trained in bfloat16, because that is faster here.
    """
    forward: float
    step: float
    memory: int = 0
    image_memory: float = 0
    partner_step: float = 0.
    is_half: bool = False

    @property
    def of_partner(self) -> float:
        """float: Seconds of an iteration of training a partner."""
        return self.partner_step or self.step


def measure_speed(upscaler: Upscaler, recipe: Recipe, loss: Loss | None = None) -> Speed:
    """Measure how fast a network enlarges and is fine-tuned here; nothing of it changes.

    Args:
        upscaler (Upscaler): The network.
        recipe (Recipe): With the patches of an iteration.
        loss (Callable, optional): Of two batches of images. Default: that on pseudo GTs.

    Raises:
        InputError: If an iteration does not fit into the memory.
    """
    device = upscaler.device
    side = max(PROBE_SIDE, upscaler.sizes.padded(1))
    before = memory_used(device)
    image = torch.rand(1, 3, side, side, device=device).contiguous(
        memory_format=torch.channels_last)  # as Upscaler has it
    with evaluating(upscaler.generator):
        forward = _time(lambda: upscaler.generator(image), device) / side**2
    image_memory = max(memory_used(device) - before, 0) / side**2
    patch = recipe.patch_for(upscaler.sizes)
    step = _time(_training_step(upscaler, patch, recipe.batch_size, loss or PixelTextureLoss()),
                 device)
    return Speed(forward, step, memory_used(device) + _training_memory(upscaler), image_memory)


def measure_partner(speed: Speed, upscaler: Upscaler, recipe: Recipe, photograph: Path,
                    patch_size: int, degradation: str) -> Speed:
    """Measure how fast a partner is trained here, and in which precision it is faster.

    Bfloat16 is tried on the CPU alone, for networks that take long; processors that have
    instructions for it train an RRDBNet in half the time.

    Args:
        speed (Speed): What was measured so far.
        upscaler (Upscaler): The network; nothing of it changes.
        recipe (Recipe): With the patches of an iteration.
        photograph (Path): One to reduce, at least as large as a patch.
        patch_size (int): Side of the GT patches in px.
        degradation (str): How photographs are reduced.

    Raises:
        InputError: If an iteration does not fit into the memory.
    """
    scale, device = upscaler.sizes.scale, upscaler.device
    sample = _seconds_of_sample(photograph, patch_size, degradation, scale)

    def seconds(is_half: bool = False) -> float:
        return _time(_training_step(upscaler, patch_size // scale, recipe.batch_size, nn.L1Loss(),
                                    is_half), device)
    full, half = seconds(), math.inf
    if get_device() == 'cpu' and speed.step > SLOW and _works_in_half(upscaler):
        with suppress(InputError, RuntimeError):  # a backward pass may lack what a forward has
            half = seconds(is_half=True)
    is_half = half < WORTH_IT * full
    return replace(speed, partner_step=(half if is_half else full) + recipe.batch_size * sample,
                   is_half=is_half,
                   memory=max(speed.memory, memory_used(device) + _training_memory(upscaler)))


def memory_used(device: torch.device) -> int:
    """Return the most bytes used so far: of the GPU, or of this process."""
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _training_memory(upscaler: Upscaler) -> int:
    """Return what a training keeps beside an iteration: Adam's two moments, the EMA, its code."""
    weights = sum(one.numel() * one.element_size() for one in upscaler.generator.parameters())
    has_code = upscaler.device.type != 'cpu' or 'mmagic' in sys.modules
    return 3 * weights + (0 if has_code else MMAGIC_MEMORY)


def _seconds_of_sample(photograph: Path, patch_size: int, degradation: str, scale: int) -> float:
    """Return what it takes to reduce a patch of a photograph."""
    pipeline = patch_pipeline([], scale, patch_size, degradation)
    with tempfile.TemporaryDirectory() as folder:
        image = read_image(photograph)[:2 * pipeline.wanted, :2 * pipeline.wanted]
        path = Path(folder, 'probe.png')
        write_image(path, np.ascontiguousarray(mirrored(image, pipeline.wanted)))
        steps = compose(pipeline.steps)
        start = time.perf_counter()
        for number in range(SAMPLES):  # they differ: what is done to one is drawn
            with seeded(number):
                deepcopy(steps)(dict(gt_path=str(path), key='probe'))
        return (time.perf_counter() - start) / SAMPLES


def _works_in_half(upscaler: Upscaler) -> bool:
    """Tell whether a pass in bfloat16 gives an image, in not more than the time of another."""
    side = max(PROBE_SIDE, upscaler.sizes.padded(1))
    image = torch.rand(1, 3, side, side)
    with evaluating(upscaler.generator), torch.no_grad():
        try:
            full = _time(lambda: upscaler.generator(image), image.device)
            with torch.autocast('cpu', torch.bfloat16):
                is_finite = bool(upscaler.generator(image).isfinite().all())
                half = _time(lambda: upscaler.generator(image), image.device)
        except (RuntimeError, TypeError):  # of what has no such precision
            return False
    return is_finite and half < full


def _training_step(upscaler: Upscaler, patch: int, batch: int, loss: Loss,
                   is_half: bool = False) -> Callable[[], None]:
    generator, device = upscaler.generator, device_of(upscaler.generator)
    if isinstance(loss, nn.Module):
        loss = loss.to(device)
    image = torch.rand(batch, 3, patch, patch, device=device)
    side = patch * upscaler.sizes.scale
    target = torch.rand(batch, 3, side, side, device=device)

    def step() -> None:
        try:
            with torch.autocast(device.type, torch.bfloat16, enabled=is_half):
                output = generator(image)
            loss(output.float(), target).backward()
        except (MemoryError, RuntimeError) as error:
            if 'memory' in str(error).lower() or isinstance(error, MemoryError):
                raise InputError(f'too little memory for an iteration of training ({batch} '
                                 f'patches of {side} px): {error}') from error
            raise
        finally:
            generator.zero_grad(set_to_none=True)
    return step


def _time(work: Callable[[], object], device: torch.device) -> float:
    times = []
    for _ in range(3):  # the first one prepares
        start = time.perf_counter()
        work()
        if device.type == 'cuda':
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
        if sum(times) > ENOUGH:
            break
    return min(times)
