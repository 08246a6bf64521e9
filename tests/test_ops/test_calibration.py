from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.ops import class_weights
from mmdesra.ops.calibration import DifferenceHistogram

BINS = [0, 1, 3, 7, 11, 19]


def spread(bins, seed=0, side=200):
    """A map of D and labels whose class k passes 85% in interval ``bins[k]``."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(bins), (side, side))
    lower = 1 - (np.array(bins)[labels] + 1) / 20
    above = lower + .05 * rng.uniform(.02, .98, labels.shape)  # the bin's interval
    towards_one = above + (1 - above) * rng.uniform(0, .98, labels.shape)
    below = lower * rng.uniform(0, .98, labels.shape)
    kind = rng.uniform(size=labels.shape)
    # 40% at 1 or on the way, then 50% in the interval itself, and 10% anywhere below.
    difference = np.select([kind < .4, kind < .9], [towards_one, above], below)
    return torch.from_numpy(difference), torch.from_numpy(labels)


def test_the_bins_that_made_the_data_are_found():
    difference, labels = spread(BINS)
    histogram = DifferenceHistogram.of(difference, labels, len(BINS))
    assert histogram.bins().tolist() == BINS
    assert histogram.pixels.tolist() == np.bincount(labels.flatten()).tolist()


@given(bins=st.lists(st.integers(0, 19), min_size=1, max_size=8), seed=st.integers(0, 9999))
def test_any_bins_are_found_again_and_cover_their_share(bins, seed):
    difference, labels = spread(bins, seed)
    histogram = DifferenceHistogram.of(difference, labels, len(bins))
    assert histogram.bins().tolist() == bins
    shares = histogram.cumulative_shares
    for k, b in enumerate(bins):
        assert shares[k, b] > .85 and (b == 0 or shares[k, b - 1] <= .85)
        above = difference[labels == k] > 1 - (b + 1) / 20 - 1e-12  # D = 0 is in the last one
        covered = above.double().mean()
        assert shares[k, b].item() == pytest.approx(covered.item(), abs=1e-12)
        # What the weight is for: the interval's upper border is mapped to 1.
        assert class_weights(torch.tensor([b]))[0] * (1 - b / 20) == pytest.approx(1)


def one_class(values, **options):
    difference = torch.tensor([values])
    return DifferenceHistogram.of(difference, torch.zeros(1, len(values), dtype=torch.uint8), 1,
                                  **options)


def test_intervals_are_counted_from_1_downwards():
    histogram = one_class([1, .96, .94, .93, .51, .04, 0])
    counts = [2, 2] + [0] * 7 + [1] + [0] * 9 + [2]
    assert histogram.counts.tolist() == [counts]
    assert histogram.cumulative_shares[0].tolist() == pytest.approx(
        (np.cumsum(counts) / 7).tolist())


@pytest.mark.parametrize('covered, expected', [(85, 2), (86, 0)])
def test_a_share_must_be_exceeded_not_met(covered, expected):
    assert one_class([1.] * covered + [.86] * (100 - covered)).bins().tolist() == [expected]


def test_another_share():
    histogram = one_class([1.] * 60 + [.7] * 40)
    assert [histogram.bins(share).item() for share in (0, .5, .6, .99)] == [0, 0, 6, 6]
    for share in (-.1, 1, 85):
        with pytest.raises(ValueError, match=r'share in \[0, 1\), got'):
            histogram.bins(share)


def test_ignored_and_masked_pixels_do_not_count():
    difference = torch.tensor([[1., .5, .5, 1.]])
    labels = torch.tensor([[0, 0, 255, 1]], dtype=torch.uint8)
    assert DifferenceHistogram.of(difference, labels, 2).pixels.tolist() == [2, 1]
    where = torch.tensor([[True, False, True, True]])
    masked = DifferenceHistogram.of(difference, labels, 2, where)
    assert masked.pixels.tolist() == [1, 1] and masked.counts[:, 0].tolist() == [1, 1]


def test_the_whole_is_the_sum_of_its_parts():
    difference, labels = spread(BINS)
    whole = DifferenceHistogram.of(difference, labels, len(BINS))
    parts = DifferenceHistogram.empty(len(BINS))
    for part, classes in zip(difference.split(70), labels.split(70)):
        parts += DifferenceHistogram.of(part, classes, len(BINS))
    assert torch.equal(parts.counts, whole.counts)


def test_a_class_without_pixels_has_no_shares_and_bin_0():
    histogram = DifferenceHistogram.empty(2)
    assert histogram.pixels.tolist() == histogram.bins().tolist() == [0, 0]
    assert histogram.cumulative_shares.isnan().all()


@pytest.mark.parametrize('label', [2, 254])
def test_a_label_without_a_class_is_an_error(label):
    with pytest.raises(ValueError, match=rf'\[0, 1\] or 255 .*got {label}'):
        DifferenceHistogram.of(torch.ones(1, 1), torch.full((1, 1), label), 2)


def test_unlike_shapes_are_an_error():
    with pytest.raises(ValueError, match='one shape'):
        DifferenceHistogram.of(torch.ones(2, 2), torch.zeros(2, 3, dtype=torch.long), 1)
