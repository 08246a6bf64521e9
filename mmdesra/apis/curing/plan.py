"""How long each step takes on this machine, and how much of each fits into the time there is."""
from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ...errors import InputError
from ...generators import Upscaler
from ...generators.evaluating import device_of, evaluating
from ...models.texture_loss import PixelTextureLoss
from .crops import SIDES
from .recipe import Recipe

ENSEMBLE_PASSES = 8
LOOKS = 20
"""How often, at most, the held-out photographs are measured while training."""
LEAST_LOOKS = 4
IMAGE_SHARE = .3
"""Share of the time for enlarging photographs: finding artifacts, measuring while training."""
SEARCH_SHARE = .35
"""Share of the time for finding artifacts where no partner is trained: a self-ensemble takes eight
passes for each crop, and what it finds is what there is to learn from."""
TRUTH_SHARE = .1
"""Share of the time for judging by the truth."""
PARTNER_SHARE = .4
"""Share of the remaining time for training the partner."""
MOST_TRAIN, MOST_HELDOUT = 200, 20
LEAST_TRAIN, LEAST_HELDOUT = 8, 4
ENOUGH_TRAIN = 24
"""Smaller crops are taken where there is no time for so many to train on: artifacts are rare."""
LEAST_ITERS = 60
"""Of fine-tuning, at least: the learning rate rises for the first of them."""
LEAST_PARTNER_ITERS = 40
"""With fewer a partner is farther from a published sibling than the GAN itself is."""
PROBE_SIDE = 48
ENOUGH = 5.
"""Seconds: what takes longer need not be measured again."""
SPARE = 1.2
"""Factor on all times: reading, writing and detecting take time, too."""
MMAGIC_MEMORY = 450 * 2**20
"""Bytes that MMagic takes once it is imported; a network of spandrel's does not need it."""
MUCH = 1.25
"""Where the machine has become this many times slower or faster, the plan is changed."""


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        forward (float): Seconds to enlarge one LR pixel.
        step (float): Seconds of an iteration of training.
        memory (int): Most bytes that the process, or the GPU, uses in training.
        image_memory (float): Bytes that enlarging takes for each LR pixel; 0 where it is too
            little to be seen.
    """
    forward: float
    step: float
    memory: int = 0
    image_memory: float = 0


@dataclass(frozen=True)
class Plan:
    """What is done, and how long it takes by what was measured.

    Attributes:
        max_iters (int): Iterations of fine-tuning.
        partner_iters (int): Of training the partner; 0: none is made.
        train_crops (int): At most so many crops to train on.
        heldout_crops (int): At most so many to judge with.
        truths (int): At most so many crops of held-out photographs, reduced, to judge with.
        looks (int): How often the held-out crops are measured while training.
        seconds (dict): Of each step.
        crop_side (int): Of the crops, in LR px.
    """
    max_iters: int
    partner_iters: int
    train_crops: int
    heldout_crops: int
    looks: int
    seconds: dict[str, float]
    crop_side: int = SIDES[0]
    truths: int = LEAST_HELDOUT

    @property
    def total(self) -> float:
        """float: Seconds of the whole."""
        return sum(self.seconds.values())

    def is_ample(self, amounts: Amounts, hours: float) -> bool:
        """Tell whether it fits into the time, with enough crops to find artifacts in."""
        return (self.total <= 3600 * hours
                and self.train_crops >= min(amounts.train, ENOUGH_TRAIN))


@dataclass(frozen=True)
class Amounts:
    """How much there is to do.

    Attributes:
        train (int): Crops to train on that there are.
        heldout (int): Held-out crops that there are.
        crop_pixels (float): LR pixels of a crop, in the mean.
        reference_passes (int): Passes of the network that a reference takes.
        makes_partner (bool): Whether one is to be trained.
        crop_side (int): Of the crops, in LR px.
        truths (int): Crops of held-out photographs that can be reduced.
        truth_pixels (float): LR pixels of such a reduction, in the mean.
    """
    train: int
    heldout: int
    crop_pixels: float
    reference_passes: int = 1
    makes_partner: bool = True
    crop_side: int = SIDES[0]
    truths: int = 0
    truth_pixels: float = 0.


def make_plan(speed: Speed, amounts: Amounts, recipe: Recipe, hours: float,
              max_iters: int | None = None, partner_iters: int | None = None) -> Plan:
    """Divide the time.

    Photographs get at most 30% of it, judging by the truth 10%, of the rest the partner at most
    40%; what is left over goes to fine-tuning, up to the recipe's iterations. Without a partner to
    train, finding artifacts alone gets 35%. What is asked for is done, however long it takes.

    Args:
        speed (Speed): Of this machine.
        amounts (Amounts): How much there is to do.
        recipe (Recipe): Most iterations.
        hours (float): What the whole may take.
        max_iters (int, optional): Iterations of fine-tuning that are asked for.
        partner_iters (int, optional): Of training the partner.

    Returns:
        Plan: With at least 60 iterations, eight crops to train on and four held-out ones, where
        there are any, however short the time.
    """
    budget = 3600 * hours / SPARE
    image = speed.forward * amounts.crop_pixels
    passes = 1 + amounts.reference_passes
    truth = _truth_seconds(speed, amounts)
    truths = _at_most(TRUTH_SHARE * budget, truth, LEAST_HELDOUT,
                      min(MOST_HELDOUT, amounts.truths))
    heldout = _at_most(IMAGE_SHARE / 2 * budget, image * (passes + 1 + LEAST_LOOKS),
                       LEAST_HELDOUT, min(MOST_HELDOUT, amounts.heldout))
    search = IMAGE_SHARE / 2 if amounts.makes_partner else SEARCH_SHARE
    train = _at_most(search * budget, image * passes, LEAST_TRAIN,
                     min(MOST_TRAIN, amounts.train))
    fixed = image * (train * passes + heldout * (passes + 1)) + truths * truth
    rest = max(budget - fixed, 0)
    if not amounts.makes_partner:
        partner_iters = 0
    elif partner_iters is None:
        partner_iters = _at_most(PARTNER_SHARE * rest, speed.step, LEAST_PARTNER_ITERS,
                                 recipe.partner_iters)
    rest = max(rest - partner_iters * speed.step, 0)
    look = heldout * image
    looks = max(min(LOOKS, int(IMAGE_SHARE * rest / look) if look else LOOKS), LEAST_LOOKS)
    if max_iters is None:
        max_iters = _at_most(rest - looks * look, speed.step, LEAST_ITERS,
                            recipe.max_iters)
    looks = min(looks, max_iters)
    plan = Plan(max_iters, partner_iters, train, heldout, looks, {}, amounts.crop_side, truths)
    return timed(plan, speed, amounts)


def timed(plan: Plan, speed: Speed, amounts: Amounts) -> Plan:
    """Return a plan with the seconds of each step, by what was measured."""
    image, passes = speed.forward * amounts.crop_pixels, 1 + amounts.reference_passes
    look = plan.heldout_crops * image
    seconds = dict(
        partner=plan.partner_iters * speed.step, find=plan.train_crops * image * passes,
        finetune=plan.max_iters * speed.step + (passes + plan.looks + 1) * look,
        judge=plan.truths * _truth_seconds(speed, amounts))
    return replace(plan, seconds={name: round(SPARE * value, 3)
                                  for name, value in seconds.items()})


def measured_again(plan: Plan, before: Speed, now: Speed, recipe: Recipe) -> Plan:
    """Fit the iterations of fine-tuning into their time by what they take now.

    Args:
        plan (Plan): By what was measured at the start.
        before (Speed): That.
        now (Speed): What is measured now.
        recipe (Recipe): Most iterations.

    Returns:
        Plan: The same where the speed is much the same. The time stays.
    """
    slower = now.step / max(before.step, 1e-9)
    if 1 / MUCH <= slower <= MUCH:
        return plan
    least = min(LEAST_ITERS, plan.max_iters)
    max_iters = min(max(round(plan.max_iters / slower), least), recipe.max_iters)
    looks = min(max(round(plan.looks / slower), LEAST_LOOKS), LOOKS, max_iters)
    return replace(plan, max_iters=max_iters, looks=looks)


def _truth_seconds(speed: Speed, amounts: Amounts) -> float:
    """Return what judging by a truth takes: before, after, and the reference."""
    return speed.forward * amounts.truth_pixels * (2 + amounts.reference_passes)


def measure_speed(upscaler: Upscaler, recipe: Recipe) -> Speed:
    """Measure how fast a network enlarges and trains here; nothing of it changes.

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
    step = _time(_training_step(upscaler, patch, recipe.batch_size), device)
    return Speed(forward, step, memory_used(device) + _training_memory(upscaler), image_memory)


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


def disk_needed(weights: Path, plan: Plan, crop_pixels: float, scale: int) -> int:
    """Return about how many bytes a cure writes."""
    checkpoints = 2 * 4 * (2 if plan.partner_iters else 1) + 4  # Adam's two moments, the EMA
    pictures = crop_pixels * (scale**2 * 3 * .6) * (
        plan.train_crops + 8 * plan.heldout_crops) + crop_pixels * 2 * plan.train_crops
    return int(checkpoints * weights.stat().st_size + pictures)


def _training_step(upscaler: Upscaler, patch: int, batch: int) -> Callable[[], None]:
    generator, device = upscaler.generator, device_of(upscaler.generator)
    loss = PixelTextureLoss()
    image = torch.rand(batch, 3, patch, patch, device=device)
    side = patch * upscaler.sizes.scale
    target = torch.rand(batch, 3, side, side, device=device)

    def step() -> None:
        try:
            loss(generator(image), target).backward()
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


def _at_most(seconds: float, each: float, least: int, most: int) -> int:
    """Return how many fit, between the two; the least gives way to the most."""
    fit = math.inf if each <= 0 else seconds / each
    return int(min(max(min(fit, most), least), most)) if most > 0 else 0
