"""A config with original training data, to be mixed with pseudo GTs."""
from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from toy_training import GT_PATCH_SIZE, model_config, training_config
from toys import SCALE, make_lq_folder

from mmdesra.files import read_image, write_image

BATCH_SIZE = 3
SHARE = .5


def write_original(root: Path) -> Path:
    """Write 5 pairs into ``root/LR`` and ``root/GT`` and return ``root``."""
    (root / 'GT').mkdir(parents=True)
    for path in make_lq_folder(root / 'LR', 5, seed=2):
        gt = read_image(path).repeat(SCALE, 0).repeat(SCALE, 1)
        write_image(root / 'GT' / path.name, gt)
    return root


def mixed_config(root: Path, iterations: int, model: str = 'SRGAN',
                 unsharp: bool = False) -> Config:
    """Return a training config with the original data in ``root``."""
    config = training_config(model_config(model), iterations=iterations)
    steps = [dict(type='LoadImageFromFile', key=key, channel_order='rgb') for key in ('img', 'gt')]
    steps += [dict(type='SetValues', dictionary=dict(scale=SCALE)),
              dict(type='PairedRandomCrop', gt_patch_size=GT_PATCH_SIZE)]
    if unsharp:
        steps.append(dict(type='UnsharpMasking', keys=['gt'], kernel_size=51, sigma=0, weight=.5,
                          threshold=10))
    config.train_dataloader.batch_size = BATCH_SIZE
    config.train_dataloader.dataset = dict(
        type='BasicImageDataset', data_root=str(root), data_prefix=dict(img='LR', gt='GT'),
        pipeline=[*steps, dict(type='PackInputs')])
    return config
