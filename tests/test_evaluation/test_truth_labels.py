from __future__ import annotations

import numpy as np
import pytest
import torch

from mmdesra.detectors import BaseDetector
from mmdesra.errors import InputError
from mmdesra.evaluation.truth_labels import (
    EVEN_GROUND,
    PATCH,
    PERCEPTUAL,
    STRENGTH,
    TruthRules,
    patch_distance,
    std_map,
    truth_masks,
)
from mmdesra.ops import MARGIN, local_std

SIZE = 96, 128
PLACE = slice(30, 60), slice(40, 90)


class Difference(BaseDetector):
    """Mean absolute difference, in place of LPIPS."""

    margin = 0

    def __init__(self):
        super().__init__(0)

    def artifact_map(self, gan, mse):
        return (gan.float() - mse.float()).abs().mean(dim=0) / 255


@pytest.fixture
def truth():
    """A gentle slope: even ground."""
    rows, columns = np.mgrid[:SIZE[0], :SIZE[1]]
    return (60 + rows / 4 + columns / 3)[..., None].repeat(3, 2).round().astype(np.uint8)


def noisy(image, strength, place=PLACE):
    """The image with noise of this standard deviation in a place."""
    noise = np.zeros(image.shape)
    noise[place] = np.random.default_rng(0).normal(0, strength, noise[place].shape)
    return (image + noise).clip(0, 255).round().astype(np.uint8)


def covers(mask, place=PLACE):
    inner = tuple(slice(side.start + 6, side.stop - 6) for side in place)
    outside = np.ones(mask.shape, bool)
    outside[tuple(slice(side.start - 16, side.stop + 16) for side in place)] = False
    return mask[inner].all() and not mask[outside].any()


def test_noise_on_even_ground_is_all_three(truth):
    masks = truth_masks(noisy(truth, 12), truth, truth, TruthRules(), Difference())
    assert list(masks) == [STRENGTH, EVEN_GROUND, PERCEPTUAL]
    assert all(mask.shape == SIZE and mask.dtype == bool for mask in masks.values())
    assert covers(masks[STRENGTH]) and covers(masks[EVEN_GROUND])
    assert not masks[PERCEPTUAL].any()  # 12 levels are 0.04 on average, and 0.05 is asked for
    assert covers(truth_masks(noisy(truth, 12), truth, truth, TruthRules(distance_excess=.01),
                              Difference())[PERCEPTUAL])


def test_texture_that_the_truth_has_is_none_whatever_the_reference_lost(truth):
    textured = noisy(truth, 12)
    masks = truth_masks(noisy(truth, 14), truth, textured, TruthRules(), Difference())
    assert not any(mask.any() for mask in masks.values())


def test_even_ground_needs_no_reference(truth):
    gan = noisy(truth, 12)
    masks = truth_masks(gan, noisy(truth, 40), truth, TruthRules())
    assert not masks[STRENGTH].any()  # the reference is farther away
    assert covers(masks[EVEN_GROUND])
    assert PERCEPTUAL not in masks


def test_small_regions_are_dropped(truth):
    found = [truth_masks(noisy(truth, 12), truth, truth, TruthRules(min_area=area))[STRENGTH]
             for area in (300, 4000, '10%', '50%')]
    assert [bool(mask.any()) for mask in found] == [True, False, True, False]


def test_the_map_of_standard_deviations_is_that_of_the_detectors(truth):
    large = np.tile(truth, (8, 8, 1))  # more than a strip
    expected = local_std(torch.from_numpy(large).permute(2, 0, 1)).mean(0)
    np.testing.assert_allclose(std_map(large), expected, atol=1e-4)
    assert std_map(large).shape == (large.shape[0] - 2 * MARGIN, large.shape[1] - 2 * MARGIN)


def test_distances_are_those_of_patches(truth):
    dot = truth.copy()
    dot[48, 64] = 255 - dot[48, 64]
    found = patch_distance(Difference(), dot, truth).numpy()
    difference = np.abs(dot.astype(float) - truth).mean(-1) / 255
    half = PATCH // 2
    for row, column, share in ((48, 64, 1), (48 + half, 64 - half, 1), (48 + half + 1, 64, 0)):
        expected = share * difference[48, 64] / PATCH**2
        assert found[row, column] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize('values', [dict(excess=-1), dict(even=0), dict(excess=float('nan')),
                                    dict(distance_excess=-.1), dict(min_area='x')])
def test_rules_out_of_range_are_refused(values):
    with pytest.raises(InputError, match='expected'):
        TruthRules(**values)
