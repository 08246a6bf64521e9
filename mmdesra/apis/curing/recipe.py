"""How a kind of network is fine-tuned, and the configs of the two trainings."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, lcm
from pathlib import Path

from mmengine.config import Config

from ...detectors.area import USUAL_SHARE
from ...files.configs import read_config
from ...generators import ImageSizes
from ...generators.image_sizes import round_up

CONFIG = 'mmdesra::_base_/desra_cure.py'
PSEUDO_GT_SHARE = .5
"""What is trained on and counted is half as large as usual: a network cannot tell a region's size,
and small artifacts that stayed in the pseudo GTs would ask for the large ones, too."""
WARM_UP = 50
"""Iterations: Adam's first steps move every weight by the whole learning rate."""
LEAST_LR = 1e-6
PARTNER_LQ_PATCHES = dict(bicubic=32, realesrgan=64)
"""Side in px of a partner's LR patches, at most, by how photographs are reduced. What takes noise
away must see more of an image: with 32 px the partner of x4plus stayed farther from RealESRNet."""
PARTNER_LR = dict(bicubic=1, realesrgan=2)
"""A partner's learning rate, as a multiple of the recipe's, likewise: with twice of it the partner
of x4plus was nearer to RealESRNet in two thirds of the iterations (docs/mse_partner.md)."""
OWN_TRUTHS_SHARE = .5
"""Of photographs as truths in a batch, where there is a perceptual loss for them; with it the
result is nearer to the truth, and without it is not (docs/results.md)."""
FITTING_SHARE = .8
"""Of the photographs that a partner's patch must fit into."""


@dataclass(frozen=True)
class Recipe:
    """How a network is fine-tuned.

    Attributes:
        lq_patch (int): Side of the LR patches in px.
        batch_size (int): Patches an iteration.
        lr (float): Adam's learning rate.
        max_iters (int): Iterations, where there is time for them.
        partner_iters (int): Of training the partner, likewise.
    """
    lq_patch: int = 32
    batch_size: int = 2
    lr: float = 1e-4
    max_iters: int = 1000
    partner_iters: int = 400

    def patch_for(self, sizes: ImageSizes) -> int:
        """Return the side of the LR patches that a network takes."""
        return round_up(max(self.lq_patch, sizes.minimum), lcm(sizes.multiple, sizes.grid))


def partner_patch(sides: Sequence[int], sizes: ImageSizes, degradation: str) -> int:
    """Return the side in px of the GT patches that a partner is trained on.

    Args:
        sides (Sequence[int]): The photographs' shorter sides in px.
        sizes (ImageSizes): What the network takes.
        degradation (str): How photographs are reduced.

    Returns:
        int: The usual side, or the largest that fits into most photographs.
    """
    step = sizes.scale * sizes.multiple
    shorts = sorted(sides)
    fitting = shorts[len(shorts) - ceil(FITTING_SHARE * len(shorts))] if shorts else 0
    usual = sizes.scale * PARTNER_LQ_PATCHES[degradation]
    return max(min(usual, fitting) // step * step, sizes.scale * sizes.padded(1))


RECIPES = {'SRResNet': Recipe(lq_patch=48)}
"""By the type of the network, where another one than the usual was measured to be better."""


def recipe_for(kind: str) -> Recipe:
    """Return the recipe for a type of network."""
    return RECIPES.get(kind, Recipe())


def smallest_region(min_area: str | None = None) -> str:
    """Return the smallest region that counts, for images of any size.

    Args:
        min_area (str, optional): What was asked for instead.
    """
    return min_area or f'{100 * USUAL_SHARE * PSEUDO_GT_SHARE:g}%'


def training_config(generator: dict, recipe: Recipe, max_iters: int, work_dir: Path,
                    name: str) -> Config:
    """Return what MMagic trains a network with, before it inherits a workflow.

    Args:
        generator (dict): The network.
        recipe (Recipe): Its figures.
        max_iters (int): Iterations.
        work_dir (Path): Where the run writes; one that was begun there is gone on with.
        name (str): Of the run; mmengine keeps one log for each in a process.
    """
    config = read_config(CONFIG)
    config.model.generator = generator
    config.train_dataloader.batch_size = recipe.batch_size
    config.train_cfg.update(max_iters=max_iters, val_interval=max_iters)
    config.optim_wrapper.generator.optimizer.lr = recipe.lr
    warm_up = min(WARM_UP, max_iters // 10)
    config.param_scheduler = [
        *([dict(type='LinearLR', start_factor=.01, begin=0, end=warm_up, by_epoch=False)]
          if warm_up > 1 else []),
        dict(type='CosineAnnealingLR', eta_min=min(LEAST_LR, recipe.lr), begin=warm_up,
             end=max_iters, by_epoch=False)]
    config.work_dir = str(work_dir)
    config.experiment_name = name
    config.resume = (work_dir / 'last_checkpoint').is_file()
    return config
