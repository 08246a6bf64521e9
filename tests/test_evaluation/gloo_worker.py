"""One of several processes that evaluate together; writes down what it was told.

Usage: gloo_worker.py FOLDER RANK, with LR images in FOLDER/lq.
"""
from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from gloo_pair import process_group
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from torch import distributed
from toy_distance import ToyDistance
from toys import MIN_AREA, ToyGenerator

from mmdesra.detectors import DeSRA
from mmdesra.evaluation.before_after import BeforeAfter
from mmdesra.files import list_images, read_image
from mmdesra.generators import Upscaler

DETECTOR = dict(type='DeSRA', min_area=MIN_AREA)


def samples_of(paths: list[Path]) -> list[dict]:
    """Return the shares that a distributed DataLoader would give, padded to one length."""
    order = DefaultSampler(paths, shuffle=False)
    return [sample_of(read_image(paths[index]), index) for index in order]


def sample_of(lq, index: int) -> dict:
    """Return SR images, and what is known of them: a person's mask of two images in three, and
    the mask and the image from before."""
    before, now, mse = (Upscaler(ToyGenerator(amplitude))(lq)
                        for amplitude in (.2, (.15, .02)[index // 2 % 2], 0))
    mask = DeSRA(min_area=MIN_AREA).detect(before, mse).mask
    known = dict(mask_before=torch.from_numpy(mask))
    if index % 3 < 2:
        known['gt_mask'] = torch.from_numpy(mask).roll(10 * index, dims=1)
    if index % 2 == 0:
        known['gt_img'] = torch.from_numpy(truth_of(lq).transpose(2, 0, 1).copy())
    images = dict(pred_img=now, mse_img=mse, img_before=before)
    return dict(known, **{key: torch.from_numpy(image.transpose(2, 0, 1).copy())
                          for key, image in images.items()})


def truth_of(lq) -> np.ndarray:
    """Return a truth with some of the texture that the GAN-SR image has too much of."""
    return Upscaler(ToyGenerator(.05))(lq)


def evaluate(folder: Path, out_dir: Path) -> dict:
    """Return the figures of the metric, called in both ways, and of the comparison."""
    paths = list_images(folder / 'lq')
    metric = dict(type='DeSRADetector', detector=DETECTOR, perceptual=ToyDistance())
    with_size = Evaluator([metric])
    prepared = METRICS.build(metric)
    prepared.prepare(ToyGenerator(), torch.utils.data.DataLoader(paths))
    for sample in samples_of(paths):
        with_size.process(data_samples=[sample], data_batch=None)
        prepared.process(None, [sample])

    heldout = BeforeAfter(folder / 'lq', Upscaler(ToyGenerator()), DeSRA(min_area=MIN_AREA),
                          out_dir, gt_dir=folder / 'gt', perceptual=ToyDistance())
    heldout.measure_before(Upscaler(ToyGenerator(.15)))
    if distributed.is_initialized():
        distributed.barrier()
    comparison = heldout.measure_after(Upscaler(ToyGenerator(.02)))
    heldout.write(comparison, {})
    return dict(metric=with_size.evaluate(len(paths)), prepared=prepared.evaluate(),
                comparison=asdict(comparison))


def main() -> None:
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    with process_group(folder, rank):
        figures = evaluate(folder, folder / 'together')
        (folder / f'rank{rank}.json').write_text(json.dumps(figures))


if __name__ == '__main__':
    main()
