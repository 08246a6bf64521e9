"""How strong regions are, against textures whose deviation is known."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from mmdesra.ops import label_regions, local_std, measure_distances, region_strengths


def stripes(height, width, amplitude):
    """Columns of 128 + amplitude and 128 - amplitude in turns, (3, H, W)."""
    signs = np.where(np.arange(width) % 2, 1, -1)
    return torch.from_numpy(np.tile(128 + amplitude * signs, (3, height, 1)).astype(np.uint8))


def boxes(shape, *slices):
    mask = torch.zeros(shape, dtype=torch.bool)
    for box in slices:
        mask[box] = True
    return label_regions(mask)


@pytest.mark.parametrize('gan, mse, expected', [
    (40, 0, 40), (40, 15, 25), (15, 40, 0), (20, 20, 0), (127, 0, 127)])
def test_stripes_of_two_amplitudes(gan, mse, expected):
    """Of v = m ± a in turns the deviation is a, but for the window's last tap."""
    regions = boxes((60, 80), (slice(10, 30), slice(10, 40)), (slice(40, 55), slice(50, 60)))
    found = region_strengths(stripes(60, 80, gan), stripes(60, 80, mse), regions)
    assert found == pytest.approx([expected] * 2, rel=1e-4, abs=1e-3)


def test_each_region_has_its_own_also_in_the_frame():
    """Left the stripes have 10 levels, right 30; the last region lies in the frame alone."""
    gan = torch.cat([stripes(60, 60, 10), stripes(60, 60, 30)], dim=2)
    regions = boxes((60, 120), (slice(5, 40), slice(0, 40)), (slice(5, 40), slice(80, 120)),
                    (slice(57, 60), slice(80, 120)))
    found = region_strengths(gan, stripes(60, 120, 0), regions)
    assert found == pytest.approx([10, 30, 30], rel=1e-3)


def random_pair(seed=0):
    rng = np.random.default_rng(seed)
    gan, mse = rng.integers(0, 256, (2, 3, 90, 70), np.uint8)
    mask = ndimage.gaussian_filter(rng.normal(size=(90, 70)), 3) > .12
    return torch.from_numpy(gan), torch.from_numpy(mse), label_regions(torch.from_numpy(mask))


@pytest.mark.parametrize('strip_pixels', [1, 2**22])
def test_it_is_the_mean_of_what_is_above(strip_pixels):
    """Pixel by pixel from the deviations, the frame filled from its neighbours."""
    gan, mse, regions = random_pair()
    excess = (local_std(gan) - local_std(mse)).clamp(min=0).mean(dim=0).numpy()
    excess = np.pad(excess, 5, 'edge')
    expected = ndimage.mean(excess, regions.labels.numpy(), range(1, len(regions) + 1))
    assert len(regions) > 5
    found = region_strengths(gan, mse, regions, strip_pixels)
    assert found == pytest.approx(list(expected), rel=1e-5)
    inside = measure_distances(gan, mse, regions)[1:]
    whole = [k for k, one in enumerate(inside) if one.pixels == regions.areas[k]]
    assert whole  # of a region that does not touch the frame, the distance says the same
    assert [found[k] for k in whole] == pytest.approx([inside[k].texture_above for k in whole],
                                                      rel=1e-5)


def test_no_region():
    gan, mse, _ = random_pair()
    assert region_strengths(gan, mse, boxes((90, 70))) == []


def test_other_sizes_are_refused():
    gan, mse, regions = random_pair()
    for arguments in ((gan[:, 1:], mse, regions), (gan[:, 1:], mse[:, 1:], regions)):
        with pytest.raises(ValueError, match='expected two images and regions of one size'):
            region_strengths(*arguments)
