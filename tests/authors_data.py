"""Folders like the one that DeSRA's authors released, and their metrics written a second time."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage
from toys import MIN_AREA, make_lq_folder, make_pairs

from mmdesra.detectors import DeSRA
from mmdesra.files import write_image, write_mask

ROLES = 'MSE-SR', 'GAN-SR', 'DeSRA-Mask', 'LR', 'GT-Mask'
FRAME = 5
EVERYWHERE = np.ones((3, 3))


def make_authors_data(root: Path, model: str = 'LDL', count: int = 3, seed: int = 0) -> Path:
    """Write ``root/MODEL/…`` as released, and ``root/MODEL-DeSRA/GAN-SR``.

    Human masks are moved and reach into the frame of 5 px; stored masks lack that frame.
    """
    home = root / model
    for role in ROLES:
        (home / role).mkdir(parents=True)
    tuned = root / f'{model}-DeSRA' / 'GAN-SR'
    tuned.mkdir(parents=True)
    make_lq_folder(home / 'LR', count, clean=(), seed=seed)
    pairs = make_pairs(home / 'LR')
    detector = DeSRA(min_area=MIN_AREA)
    for number, path in enumerate(pairs.paths):
        pair = pairs.load(path)
        write_image(home / 'GAN-SR' / path.name, pair.gan)
        write_image(home / 'MSE-SR' / path.name, pair.mse)
        write_image(tuned / path.name, fine_tune(pair.gan, pair.mse))
        mask = detector.detect(pair.gan, pair.mse).mask
        human = np.roll(mask, 6 + 4 * number, axis=1)
        human[:12, -20:] = True  # touches the frame
        write_mask(home / 'GT-Mask' / path.name, human)
        stored = mask.copy()
        stored[20:60, 20 + number:60] = True
        write_mask(home / 'DeSRA-Mask' / path.name, stored[FRAME:-FRAME, FRAME:-FRAME])
    return root


def fine_tune(gan: np.ndarray, mse: np.ndarray) -> np.ndarray:
    """Cure the right half of an image, and spoil a corner of it."""
    after = gan.copy()
    middle = gan.shape[1] // 2
    after[:, middle:] = mse[:, middle:]
    stripes = np.where(np.arange(40) % 4 < 2, 60, 190).astype(np.uint8)
    after[-50:-10, -50:-10] = stripes[:, None]
    return after


def released_metrics(masks: list[np.ndarray], human: list[np.ndarray]) -> tuple[float, ...]:
    """IoU, precision and recall of masks that lack the frame, with SciPy."""
    ious, right, detected, found, true = [], 0, 0, 0, 0
    for mask, whole in zip(masks, human):
        known = whole[FRAME:-FRAME, FRAME:-FRAME]
        ious.append((mask & known).sum() / (mask | known).sum())
        for own, other, is_mask in ((mask, known, True), (known, mask, False)):
            labels, count = ndimage.label(own, EVERYWHERE)
            shares = [other[labels == label].mean() for label in range(1, count + 1)]
            covered = sum(share >= .5 for share in shares)
            if is_mask:
                right, detected = right + covered, detected + count
            else:
                found, true = found + covered, true + count
    return float(np.mean(ious)), right / detected, found / true
