from __future__ import annotations

import pytest

from mmdesra.engine.worst_images import worst_images
from mmdesra.evaluation.comparison import Comparison
from mmdesra.evaluation.image_change import ImageChange
from mmdesra.evaluation.image_sums import ImageSums
from mmdesra.ops import DetailChange, RegionChanges


def comparison(**areas):
    return Comparison.of({
        name: ImageChange(ImageSums(RegionChanges(1, 1, 1, 1), DetailChange(1, 1)), before, after)
        for name, (before, after) in areas.items()})


@pytest.mark.parametrize('areas, expected', [
    (dict(a=(9, 0), b=(1, 5), c=(7, 0), d=(2, 6)), 'dbac'),
    (dict(a=(9, 0), b=(1, 0), c=(0, 0)), 'ab'),
    (dict(a=(0, 0)), ''),
    ({}, ''),
    ({name: (number, 0) for number, name in enumerate('abcdefg')}, 'gfed')])
def test_most_artifact_area_after_then_before(areas, expected):
    assert ''.join(worst_images(comparison(**areas))) == expected
