"""Judging by the truth: held-out photographs are the truth of their own reductions."""
from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from ...datasets.degradations import build_degradation
from ...detectors import build_detector
from ...evaluation.before_after import BeforeAfter
from ...files import make_output_folder, read_image, write_image
from ...generators import Reference, Upscaler
from .crops import choose_crops, crops_per_photograph

LQ_SIDE = 96
"""In LR px: of the largest reductions."""
LEAST_LQ_SIDE = 12
"""In px: smaller ones show nothing."""


def make_truths(photographs: list[tuple[str, Path]], scale: int, degradation: str, folder: Path,
                limit: int) -> list[str]:
    """Cut truths from photographs, and reduce them.

    The texture decides where, as with crops.

    Args:
        photographs (list): Of each its place, and the file.
        scale (int): By how much they are reduced.
        degradation (str): How, see :func:`mmdesra.datasets.degradations.build_degradation`.
        folder (Path): Gets ``gt`` and ``lq``, with one PNG for each.
        limit (int): At most so many, but one of as many photographs as can be.

    Returns:
        list[str]: Those too small for it, by their places.
    """
    for name in ('gt', 'lq'):
        for path in make_output_folder(folder / name).glob('*.png'):
            path.unlink()  # of a stopped one
    reduce = build_degradation(degradation, scale)
    count = crops_per_photograph(len(photographs))
    places: list[tuple[int, int, tuple[int, int, int, int]]] = []
    too_small = []
    for number, (place, file) in enumerate(photographs):
        image = read_image(file)
        if min(image.shape[:2]) < scale * LEAST_LQ_SIDE:
            too_small.append(place)
            continue
        places += [(turn, number, crop[:4]) for turn, crop
                   in enumerate(choose_crops(image, scale * LQ_SIDE, count))]
    for turn, number, (row, column, height, width) in sorted(places)[:limit]:
        image = read_image(photographs[number][1])
        truth = np.ascontiguousarray(image[row:row + height - height % scale,
                                           column:column + width - width % scale])
        name = f'{number:04d}_{turn}.png'
        write_image(folder / 'gt' / name, truth)
        write_image(folder / 'lq' / name, reduce(truth, number + turn * len(photographs)))
    return too_small


def judge_by_truth(folder: Path, gan: Upscaler, cured: Upscaler, reference: Reference | Upscaler,
                   detector: dict, perceptual: dict | None) -> dict | None:
    """Compare a model before and after with the truth, by place.

    Args:
        folder (Path): From :func:`make_truths`; gets ``judged``.
        gan (Upscaler): Before.
        cured (Upscaler): After.
        reference (Reference | Upscaler): What the masks are found with.
        detector (dict): Finds them.
        perceptual (dict, optional): See :func:`mmdesra.evaluation.perceptual.build_perceptual`.

    Returns:
        dict | None: The figures of :class:`mmdesra.evaluation.comparison.Comparison` but the
        single images; None: there are no truths.
    """
    if not any((folder / 'lq').glob('*.png')):
        return None
    images = BeforeAfter(folder / 'lq', reference, build_detector(detector), folder / 'judged',
                         gt_dir=folder / 'gt', perceptual=perceptual)
    if not images.knows_before:
        images.measure_before(gan)
    comparison = images.measure_after(cured)
    images.write(comparison, {})
    figures = asdict(comparison)
    figures.pop('per_image')
    return figures
