"""Compare DeSRA with the released rule, written a second time, on pairs of one's own.

Usage, from the checkout:
  .venv/bin/python tests/compare_with_released_rule.py GAN_DIR MSE_DIR [LABELS_DIR]

Prints the largest difference of the maps, the share of pixels where it is above 0.0005, and for
4000 and 1000 px the pixels where the masks differ. Files are matched by stem.
"""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent / 'test_detectors'))

import released_rule
from tqdm import tqdm

from mmdesra.detectors import ClassTable, DeSRA
from mmdesra.generators import StoredPairs
from mmdesra.segmentors import LabelFolder

AREAS = 4000, 1000
VALID = slice(5, -5)
TOLERANCE = 5e-4


def main(gan_dir: str, mse_dir: str, labels_dir: str | None = None) -> None:
    source = StoredPairs(gan_dir, mse_dir)
    labels = LabelFolder(labels_dir) if labels_dir else None
    bins = dict(enumerate(ClassTable.load().bins))
    largest, above, pixels = 0, 0, 0
    different, artifacts = dict.fromkeys(AREAS, 0), dict.fromkeys(AREAS, 0)
    for path in tqdm(source.paths, unit='image'):
        pair = source.load(path)
        label_map = labels.label([pair.gan], [path])[0] if labels else None
        for area in AREAS:
            expected, mask = released_rule.detect(pair.gan, pair.mse, area, labels=label_map,
                                                  bins=bins)
            found = DeSRA(min_area=area).detect(pair.gan, pair.mse, label_map)
            different[area] += int((found.mask[VALID, VALID] != mask).sum())
            artifacts[area] += int(mask.sum())
        difference = np.abs(found.map[VALID, VALID] - expected)
        largest = max(largest, float(difference.max()))
        above += int((difference > TOLERANCE).sum())
        pixels += difference.size
    print(f'{len(source.paths)} pairs, {pixels} px: maps differ by at most {largest:.2g}, by more '
          f'than {TOLERANCE} on {above / pixels:.4%} of the pixels')
    for area in AREAS:
        print(f'regions over {area} px: {artifacts[area]} artifact px, masks differ on '
              f'{different[area]} px ({different[area] / pixels:.4%})')


if __name__ == '__main__':
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
