from __future__ import annotations

from collections import Counter
from itertools import islice
from math import ceil, floor
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import ConcatDataset, DataLoader

import mmdesra  # noqa: F401  (registers the sampler)
from mmdesra.datasets.share_sampler import FixedShareSampler
from mmdesra.errors import InputError

shares = st.one_of(st.sampled_from([.1, .25, .29, .3, .5, .7]),
                   st.floats(.001, .999, allow_subnormal=False))
sizes = st.integers(1, 20)
seeds = st.integers(0, 2**31 - 1)


def dataset_of(first, second):
    return ConcatDataset([range(first), range(second)])


def make(first, second, rank=0, world_size=1, **options):
    with patch('mmdesra.datasets.share_sampler.get_dist_info', lambda: (rank, world_size)):
        return FixedShareSampler(dataset_of(first, second), **options)


def batches_of(sampler, number):
    indices = list(islice(sampler, number * sampler.batch_size))
    return [indices[start:start + sampler.batch_size]
            for start in range(0, len(indices), sampler.batch_size)]


@given(sizes, sizes, st.integers(1, 20), shares, seeds)
def test_every_batch_holds_the_share_to_one_sample_and_all_hold_it_to_half_a_sample(
        first, second, batch_size, share, seed):
    sampler = make(first, second, batch_size=batch_size, share=share, seed=seed)
    wanted, total = share * batch_size, 0
    for number, batch in enumerate(batches_of(sampler, 30), 1):
        assert all(0 <= index < first + second for index in batch)
        of_second = sum(index >= first for index in batch)
        assert floor(wanted + 1e-9) <= of_second <= ceil(wanted - 1e-9)
        total += of_second
        assert abs(total - number * wanted) <= .5 + 1e-9


@pytest.mark.parametrize('batch_size, share, expected', [
    (4, .25, [1] * 6), (10, .3, [3] * 6), (100, .29, [29] * 6), (3, .5, [2, 1, 2, 1, 2, 1]),
    (2, .25, [1, 0, 1, 0, 1, 0]), (1, .2, [0, 0, 1, 0, 0, 0])])
def test_numbers_by_hand(batch_size, share, expected):
    sampler = make(7, 9, batch_size=batch_size, share=share, seed=0)
    assert [sum(index >= 7 for index in batch) for batch in batches_of(sampler, 6)] == expected


@settings(max_examples=50)
@given(sizes, sizes, st.integers(1, 3), st.integers(1, 6), shares, seeds)
def test_all_ranks_together_see_each_sample_once_before_any_again(
        first, second, world_size, batch_size, share, seed):
    ranks = [make(first, second, rank, world_size, batch_size=batch_size, share=share, seed=seed)
             for rank in range(world_size)]
    seen = [batches_of(sampler, 30) for sampler in ranks]
    numbers = [[sum(index >= first for index in batch) for batch in batches] for batches in seen]
    assert all(number == numbers[0] for number in numbers)
    counts = Counter()
    for together in zip(*seen):  # one batch of each rank
        counts.update(index for batch in together for index in batch)
        for part in (range(first), range(first, first + second)):
            times = [counts[index] for index in part]
            assert max(times) - min(times) <= 1


@given(sizes, sizes, seeds)
def test_a_seed_says_all(first, second, seed):
    options = dict(batch_size=4, share=.3, seed=seed)
    sampler = make(first, second, **options)
    assert batches_of(sampler, 20) == batches_of(sampler, 20) == batches_of(
        make(first, second, **options), 20)


def test_seeds_and_epochs_and_parts_differ():
    orders = set()
    for seed in range(3):
        indices = [index for batch in batches_of(
            make(30, 30, batch_size=2, share=.5, seed=seed), 60) for index in batch]
        first = [index for index in indices if index < 30]
        second = [index - 30 for index in indices if index >= 30]
        orders |= {tuple(part[start:start + 30]) for part in (first, second) for start in (0, 30)}
    assert len(orders) == 3 * 2 * 2
    assert all(sorted(order) == list(range(30)) for order in orders)


def test_without_a_seed_the_order_is_random():
    samplers = [make(50, 50, batch_size=10, share=.5) for _ in range(2)]
    assert batches_of(samplers[0], 5) != batches_of(samplers[1], 5)


def test_batches_of_a_data_loader_are_the_samplers():
    sampler = DATA_SAMPLERS.build(dict(type='FixedShareSampler', batch_size=5, share=.4),
                                  default_args=dict(dataset=dataset_of(6, 8), seed=3))
    dataset = ConcatDataset([range(6), range(100, 108)])
    loader = DataLoader(dataset, batch_size=5, sampler=sampler, collate_fn=list)
    batches = list(islice(loader, 8))
    assert [sum(value >= 100 for value in batch) for batch in batches] == [2] * 8
    assert len(sampler) == 14


@pytest.mark.parametrize('parts, options, message', [
    ((3, 4), dict(share=0), r'share in \(0, 1\), got 0'),
    ((3, 4), dict(share=1.), r'share in \(0, 1\), got 1'),
    ((3, 4), dict(share=float('nan')), 'got nan'),
    ((3, 4), dict(batch_size=0), 'batch_size of at least 1, got 0'),
    ((3, 0), {}, 'not empty, got 3 and 0'), ((0, 3), {}, 'not empty, got 0 and 3'),
    ((3,), {}, 'two datasets, got ConcatDataset of 1')])
def test_what_cannot_be_is_refused(parts, options, message):
    dataset = ConcatDataset([range(size) for size in parts])
    with pytest.raises(InputError, match=message):
        FixedShareSampler(dataset, **dict(dict(batch_size=4, share=.25, seed=0), **options))


def test_dataset_that_is_no_pair_is_refused():
    with pytest.raises(InputError, match='two datasets, got range of 0'):
        FixedShareSampler(range(3), batch_size=4, share=.25)
