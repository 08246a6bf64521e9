"""How much of each step fits into the time there is, and how long it takes."""
from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from .crops import MOST_FOR_PARTNER, SIDES
from .recipe import Recipe
from .speed import Speed

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
PARTNER_CHECKS = 50
"""What measuring the held-out loss of a partner takes, in iterations: up to 19 times 16 patches
without the backward pass, in batches of two."""
PNG = 3 * .6
"""Bytes that a pixel takes in a PNG file."""
SPARE = 1.2
"""Factor on all times: reading, writing and detecting take time, too."""
MUCH = 1.25
"""Where the machine has become this many times slower or faster, the plan is changed."""


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
        partner_iters = _at_most(PARTNER_SHARE * rest - PARTNER_CHECKS * speed.of_partner,
                                 speed.of_partner, LEAST_PARTNER_ITERS, recipe.partner_iters)
    rest = max(rest - _partner_seconds(partner_iters, speed), 0)
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
        partner=_partner_seconds(plan.partner_iters, speed),
        find=plan.train_crops * image * passes,
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


def _partner_seconds(iterations: int, speed: Speed) -> float:
    return (iterations + PARTNER_CHECKS) * speed.of_partner if iterations else 0.


def _truth_seconds(speed: Speed, amounts: Amounts) -> float:
    """Return what judging by a truth takes: before, after, and the reference."""
    return speed.forward * amounts.truth_pixels * (2 + amounts.reference_passes)


def disk_needed(weights: Path, plan: Plan, crop_pixels: float, scale: int,
                partner_patch: int | None = None) -> int:
    """Return about how many bytes a cure writes.

    Args:
        weights (Path): Those of the model.
        plan (Plan): What is done.
        crop_pixels (float): LR pixels of a crop.
        scale (int): By what the network enlarges.
        partner_patch (int, optional): Side in px of a partner's patches; None: none is trained.
    """
    checkpoints = 2 * 4 * (2 if plan.partner_iters else 1) + 4  # Adam's two moments, the EMA
    pictures = crop_pixels * (scale**2 * PNG) * (
        plan.train_crops + 8 * plan.heldout_crops) + crop_pixels * 2 * plan.train_crops
    # Crops twice as wide as a patch, and the tiles of these, which are as large.
    wide = 2 * MOST_FOR_PARTNER * (2 * partner_patch)**2 * PNG if partner_patch else 0
    return int(checkpoints * weights.stat().st_size + pictures + wide)


def _at_most(seconds: float, each: float, least: int, most: int) -> int:
    """Return how many fit, between the two; the least gives way to the most."""
    fit = math.inf if each <= 0 else seconds / each
    return int(min(max(min(fit, most), least), most)) if most > 0 else 0
