"""What reproduce_results.py runs, and the weights of each run that it measures."""
from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

CONFIGS = Path(__file__).parents[2] / 'configs/desra'
RECIPE = CONFIGS / 'desra_srgan-bn-ema_x4c64b16_1xb2-lr1e-4-1k.py'
FULL = CONFIGS / 'desra_srgan-bn-ema-full_x4c64b16_1xb8-lr1e-4-1k.py'
LOOKS = (.05, .1, .2, .3, .5, 1.)
"""Where the main run is measured, as shares of its iterations."""
EMA, WITHOUT_EMA = 'EMA', 'without EMA'


@dataclass(frozen=True)
class Run:
    """A fine-tuning.

    Args:
        title: What the tables call it.
        config: Its config.
        settings: What differs from the config.
        arguments: More arguments of tools/train.py.
        pseudo_gts: How many pseudo GTs it gets; None for all.
        own_pseudo_gts: Whether it makes pseudo GTs of its own.
        semantic: Whether it detects with label maps.
        is_long: Whether it has as many iterations as the main run.
    """
    title: str
    config: Path = RECIPE
    settings: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    pseudo_gts: int | None = None
    own_pseudo_gts: bool = False
    semantic: bool = False
    is_long: bool = False


@dataclass(frozen=True)
class Look:
    """The weights of a run after some iterations."""
    run: str
    iters: int
    weights: str


MAIN = 'main'
RUNS = {
    MAIN: Run('the recipe', is_long=True),
    'plain': Run('L1 alone, pseudo GTs of regions over 1000 px only', is_long=True,
                 settings=('model.pixel_loss.texture_weight=0',), own_pseudo_gts=True,
                 arguments=('--hook-options', 'detector.min_area=1000')),
    'baseline': Run('the recipe'),
    'l1': Run('L1 alone', settings=('model.pixel_loss.texture_weight=0',)),
    'full': Run('L1 + perceptual + adversarial', config=FULL),
    'area1000': Run('pseudo GTs of regions over 1000 px only', own_pseudo_gts=True,
                    arguments=('--hook-options', 'detector.min_area=1000')),
    'pgt50': Run('50 pseudo GTs', pseudo_gts=50, own_pseudo_gts=True),
    'pgt10': Run('10 pseudo GTs', pseudo_gts=10, own_pseudo_gts=True),
    'rounds': Run('two rounds', arguments=('--rounds', '2')),
    'semantic': Run('semantic weights', own_pseudo_gts=True, semantic=True),
}


def iters_of(args: argparse.Namespace, name: str) -> int:
    return args.iters if RUNS[name].is_long else args.variation_iters


def looks_of(args: argparse.Namespace, name: str) -> list[Look]:
    if name != MAIN:
        return [Look(name, iters_of(args, name), EMA)]
    # The final one last, so that the pictures that are left are its.
    return [Look(name, args.iters, WITHOUT_EMA),
            *(Look(name, round(share * args.iters), EMA) for share in LOOKS)]


def final_of(args: argparse.Namespace) -> Look:
    return Look(MAIN, args.iters, EMA)


def checkpoint_of(args: argparse.Namespace, look: Look) -> Path:
    return args.out / 'runs' / look.run / f'iter_{look.iters}.pth'
