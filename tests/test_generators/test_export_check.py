"""What tells a right export from a wrong one; none of the packages is needed."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import Enlarging, Folding, random_weights

from mmdesra.generators import Upscaler
from mmdesra.generators.export_check import (
    DifferentImageError,
    largest_difference,
    photograph_like,
    sizes_to_compare,
)
from mmdesra.generators.traceable import (
    AnySize,
    unshuffle_by_convolution,
    unshuffle_by_reshaping,
    unshuffling_by,
)

SIZES = [(12, 9), (7, 8)]


def double(batch):
    return batch.repeat(2, -1).repeat(2, -2)


def test_the_same_image_differs_by_rounding_only():
    assert largest_difference(Upscaler(Enlarging()), double, SIZES, limit=.01) <= .01


def test_a_larger_image_is_cut():
    def larger(batch):
        return np.pad(double(batch), [(0, 0), (0, 0), (0, 3), (0, 1)])
    assert largest_difference(Upscaler(Enlarging()), larger, SIZES, limit=.01) <= .01


def fail(batch):
    raise RuntimeError('no kernel\nand pages more')


@pytest.mark.parametrize('run, reason', [
    (lambda batch: double(batch) + 2 / 255, r'another image of 9x12 px.* up to 2\.0 levels'),
    (lambda batch: double(batch)[..., ::-1], 'another image'),
    (lambda batch: double(batch) * np.nan, 'NaN or infinity'),
    (lambda batch: batch, 'makes an image of 9x12 px of 9x12 px'),
    (fail, r'fails on an image of 9x12 px \(RuntimeError: no kernel\)$'),
])
def test_another_image_is_told(run, reason):
    with pytest.raises(DifferentImageError, match=reason):
        largest_difference(Upscaler(Enlarging()), run, SIZES, limit=1)


def test_the_image_is_like_a_photograph():
    image = photograph_like(64, 48).astype(float) / 65535
    assert image.shape == (64, 48, 3) and .1 < image.std() < .4
    assert (photograph_like(64, 48) == photograph_like(64, 48)).all()
    for channel in range(3):  # neighbours are alike, and amplitudes fall with the frequency
        pixels = image[..., channel]
        assert np.corrcoef(pixels[:, 1:].ravel(), pixels[:, :-1].ravel())[0, 1] > .5
    assert np.corrcoef(image[..., 0].ravel(), image[..., 2].ravel())[0, 1] > .5


def test_sizes_are_those_that_a_network_takes():
    assert sizes_to_compare(1, 1) == [(48, 64), (37, 53)]
    assert sizes_to_compare(4, 1) == [(48, 64), (40, 56)]
    assert sizes_to_compare(1, 50) == [(50, 64), (50, 53)]


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_pixels_are_folded_by_convolution_as_by_pytorch(scale):
    image = torch.rand(2, 3, 4 * scale, 5 * scale)
    wanted = torch.nn.functional.pixel_unshuffle(image, scale)
    assert torch.equal(unshuffle_by_convolution(image, scale), wanted)
    cut = unshuffle_by_convolution(image[..., :-1, :1 - scale or None], scale)
    assert cut.shape == wanted.shape  # rounded up
    assert torch.equal(cut[..., :-1, :-1], wanted[..., :-1, :-1])


@pytest.mark.parametrize('unshuffle', [unshuffle_by_reshaping, unshuffle_by_convolution])
def test_networks_fold_by_what_they_are_given(unshuffle):
    network, image = random_weights(Folding(2, 2)), torch.rand(1, 3, 8, 6)
    wanted, calls = network(image), []

    def noted(x, scale):
        calls.append(scale)
        return unshuffle(x, scale)

    with unshuffling_by(noted):
        torch.testing.assert_close(network(image), wanted)
    assert calls == [2]
    network(image)
    assert calls == [2]  # as before again


def test_any_size_is_what_the_upscaler_makes():
    network = random_weights(Folding(4, 2), std=.05)
    any_size = AnySize(network, 4, 2)
    image = photograph_like(9, 10)
    sr = any_size(torch.from_numpy(image / np.float32(65535)).permute(2, 0, 1)[None])
    wanted = Upscaler(network)(image)
    found = (sr.detach().clamp(0, 1)[0].permute(1, 2, 0) * 65535).round().numpy()
    assert np.abs(found - wanted).max() <= 1
