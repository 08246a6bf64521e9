"""How fast a network enlarges and trains on this machine."""
from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...datasets.partner_pipeline import patch_pipeline
from ...datasets.photograph_patches import PhotographPatches
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

    def step(is_half: bool) -> Callable[[], None]:
        return _training_step(upscaler, patch_size // scale, recipe.batch_size, nn.L1Loss(),
                              is_half)
    is_half = (device.type == 'cpu' and speed.step > SLOW
               and _half_of_forward(upscaler, device) < WORTH_IT)
    memory = _training_memory(upscaler)
    seconds = _time(step(is_half), device) + recipe.batch_size * sample
    return replace(speed, partner_step=seconds, is_half=is_half,
                   memory=max(speed.memory, memory_used(device) + memory))


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
        write_image(Path(folder, 'probe.png'), np.ascontiguousarray(image))
        samples = PhotographPatches(folder, str(Path(folder, 'tiles')), pipeline.steps,
                                    pipeline.patch_size, pipeline.wanted)
        start = time.perf_counter()
        for number in range(SAMPLES):  # they differ: what is done to one is drawn
            samples[number]
        return (time.perf_counter() - start) / SAMPLES


def _half_of_forward(upscaler: Upscaler, device: torch.device) -> float:
    """Return the share of its time that a pass takes in bfloat16."""
    side = max(PROBE_SIDE, upscaler.sizes.padded(1))
    image = torch.rand(1, 3, side, side, device=device)

    def forward() -> None:
        upscaler.generator(image)
    with evaluating(upscaler.generator), torch.no_grad():
        full = _time(forward, device)
        with torch.autocast(device.type, torch.bfloat16):
            return _time(forward, device) / full


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
