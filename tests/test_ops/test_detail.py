from __future__ import annotations

import numpy as np
import pytest
import torch

from mmdesra.ops import DetailChange, detail_outside, local_std


def chessboard(height, width, amplitude):
    return amplitude * ((torch.arange(height).view(-1, 1) + torch.arange(width)) % 2.)


def test_a_flat_image_holds_nothing_but_the_floor():
    image = torch.full((3, 20, 30), 200, dtype=torch.uint8)
    nowhere = torch.zeros(20, 30, dtype=torch.bool)
    assert detail_outside(image, nowhere) == pytest.approx(10 * 20 * 1e-4, rel=1e-2)
    assert detail_outside(image, ~nowhere) == 0


@pytest.mark.parametrize('amplitudes', [(100, 100, 100), (200, 40, 0)])
def test_a_chessboard_holds_half_its_amplitude_a_pixel_whatever_is_masked(amplitudes):
    image = torch.stack([chessboard(40, 50, amplitude) for amplitude in amplitudes])
    mask = torch.zeros(40, 50, dtype=torch.bool)
    mask[10:20, 10:30] = True  # 200 px of the 30 × 40 px valid area
    expected = np.mean(amplitudes) / 2
    assert detail_outside(image, mask) == pytest.approx(expected * (1200 - 200), rel=1e-3)


def test_the_frame_counts_on_neither_side():
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 20, 20)))
    mask = torch.ones(20, 20, dtype=torch.bool)
    mask[5:-5, 5:-5] = False
    everywhere = detail_outside(image, torch.zeros_like(mask))
    assert everywhere == detail_outside(image, mask)
    assert everywhere == pytest.approx(local_std(image).mean(dim=0).sum().item())


def test_mask_and_detail_add_up():
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 30, 40)))
    mask = torch.from_numpy(np.random.default_rng(1).random((30, 40)) > .4)
    total = detail_outside(image, torch.zeros_like(mask))
    assert detail_outside(image, mask) + detail_outside(image, ~mask) == pytest.approx(total)


def test_a_mask_of_another_size_is_an_error():
    with pytest.raises(ValueError, match=r'\(20, 30\), got \(10, 20\)'):
        detail_outside(torch.zeros(3, 20, 30), torch.zeros(10, 20, dtype=torch.bool))


def test_detail_kept_is_that_of_the_sums():
    total = DetailChange(100, 50) + DetailChange(300, 330)
    assert total == DetailChange(400, 380)
    assert total.kept == pytest.approx(.95)


def test_where_there_was_no_detail_all_of_it_is_kept():
    assert DetailChange().kept == 1
