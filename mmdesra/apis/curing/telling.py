"""What people are told of a cure: the plan in sentences, and settings in plain values."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .plan import MUCH, Plan, disk_needed
from .settings import CureSettings
from .speed import Speed

TITLES = dict(partner='training a reference', find='finding artifacts',
              finetune='fine-tuning', judge='judging by the truth')
"""Of the steps that take time."""


def tell_plan(plan: Plan, speed: Speed, found: Mapping, settings: CureSettings,
              scale: int) -> Iterator[str]:
    """Say how long a cure will take and what it needs.

    Args:
        plan (Plan): What will be done.
        speed (Speed): What was measured.
        found (Mapping): ``crop_pixels``, of the largest crop; ``noise_left``, the share of noise
            that the network leaves in an image, or None; ``degradation``, what follows from it;
            ``partner_patch``.
        settings (CureSettings): What was asked for.
        scale (int): By what the network enlarges.
    """
    crops, noise = found['crop_pixels'], found['noise_left']
    if noise is not None:
        yield (f'photographs are reduced as for a model of {found["degradation"]} reductions: '
               f'it leaves {noise:.0%} of noise in the image')
    disk = disk_needed(settings.model, plan, crops, scale, found['partner_patch'])
    memory = speed.memory + speed.image_memory * crops
    partner = (f', {speed.of_partner:.2g} s one of training the reference'
               + ' (in bfloat16, which is faster here)' * speed.is_half) * bool(speed.partner_step)
    yield (f'measured here: {speed.step:.2g} s an iteration of fine-tuning{partner}, '
           f'{speed.forward * crops:.2g} s to enlarge a crop')
    steps = ', '.join(f'{TITLES[name]} {in_words(seconds)}'
                      for name, seconds in plan.seconds.items() if seconds)
    yield (f'this will take about {in_words(plan.total)} ({steps}), {memory / 2**30:.1f} GiB of '
           f'memory and {disk / 2**20:.0f} MiB of disk; at most {iterations_of(plan)}')
    if plan.total > 3600 * settings.max_hours:
        yield (f'that is more than the {settings.max_hours:g} hours asked for (--max-hours): less '
               'than this is not worth doing')
    yield 'stop it at any moment (Ctrl-C); the same command goes on'


def tell_step(name: str, seconds: float, pace: float) -> str:
    """Say that a step begins, and how long it takes.

    Args:
        name (str): Of :data:`TITLES`.
        seconds (float): By the plan.
        pace (float): Seconds that a planned second has taken lately.
    """
    sentence = f'{TITLES[name]}: about {in_words(seconds * pace)}'
    if 1 / MUCH <= pace <= MUCH:
        return sentence
    return f'{sentence}, {_compared(pace)} than was said at the start'


def tell_other_speed(before: Plan, after: Plan, was: Speed, now: Speed) -> str:
    """Say that fine-tuning gets more or fewer iterations than was said."""
    return (f'measured again: {now.step:.2g} s an iteration, {_compared(now.step / was.step)} '
            f'than at the start; so {after.max_iters} iterations of fine-tuning in place of '
            f'{before.max_iters}, in the same time')


def _compared(ratio: float) -> str:
    return f'{ratio:.1f} times slower' if ratio > 1 else f'{1 / ratio:.1f} times faster'


def iterations_of(plan: Plan) -> str:
    """Return how many iterations there are, in words."""
    reference = f'{plan.partner_iters} iterations for the reference, ' * (plan.partner_iters > 0)
    return f'{reference}{plan.max_iters} iterations of fine-tuning'


def in_words(seconds: float) -> str:
    """Return a time in the unit that people would take."""
    if seconds < 90:
        return f'{max(round(seconds), 1)} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'


def plain(value: Any) -> Any:
    """Return a config as JSON has it: classes by their names."""
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return getattr(value, '__name__', None) or value
