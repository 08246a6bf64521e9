from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdesra.ops.tiles import by_tiles


def distance(first, second):
    """Of features at stride 4 that see 5 px to each side and more."""
    kernel = torch.arange(1., 8)[None, None].expand(1, 3, -1)[..., None].expand(-1, -1, -1, 7)
    x, y = (F.conv2d(image[None], kernel, padding=3)[0] for image in (first, second))
    coarse = F.avg_pool2d((x - y).abs()[None], 4, ceil_mode=True)
    return coarse.repeat_interleave(4, -1).repeat_interleave(4, -2)[0, 0, :x.shape[-2],
                                                                     :x.shape[-1]]


@pytest.mark.parametrize('size', [(20, 20), (33, 33), (50, 71), (17, 130), (96, 34)])
def test_tiles_leave_no_trace(size):
    first, second = torch.rand(2, 3, *size)
    shapes = []

    def function(*images):
        shapes.append(images[0].shape[-2:])
        return distance(*images)

    got = by_tiles(function, first, second, tile=16, overlap=8)
    assert len(shapes) == (-(-size[0] // 16) * -(-size[1] // 16) if max(size) > 32 else 1)
    assert max(max(shape) for shape in shapes) <= 32
    torch.testing.assert_close(got, distance(first, second))
    assert got.shape == size


def neighbours(first, second):
    """Depends on 3 px to each side, in every direction differently."""
    kernel = torch.arange(49.).reshape(1, 1, 7, 7).expand(1, 3, 7, 7)
    return F.conv2d((2 * first + second)[None], kernel, padding=3)[0, 0]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 15), st.integers(3, 6))
def test_tiles_of_any_size_leave_no_trace(height, width, tile, overlap):
    first, second = torch.randint(0, 256, (2, 3, height, width)).float()
    got = by_tiles(neighbours, first, second, tile, overlap)
    assert torch.equal(got, neighbours(first, second))  # whole numbers: the sums are exact


def test_a_small_overlap_would_leave_one():
    first, second = torch.rand(2, 3, 60, 60)
    got = by_tiles(distance, first, second, tile=16, overlap=0)
    assert not torch.allclose(got, distance(first, second))
