"""A sampler that keeps the share of the original training data in every batch."""
from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import count, islice
from math import floor

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import ConcatDataset, Sampler

from ..errors import InputError


class FixedShareSampler(Sampler):
    r"""Draws every batch from two datasets in a fixed proportion, endlessly.

    Batch :math:`b = 0, 1, \dots` of each rank holds
    :math:`\lfloor (b + 1) s B + 1/2 \rfloor - \lfloor b s B + 1/2 \rfloor` samples of the second
    dataset, where *s* is the share and *B* the batch size: :math:`s B` rounded down or up, and
    never more than half a sample away from the share in all batches so far. The rest is of the
    first. Each dataset goes through permutations of its own: all ranks together see each of its
    samples once before any is seen again.

    What is drawn follows from the seed and the arguments alone, so that a resumed run, for which
    mmengine's loop skips the batches it has seen, goes on where it was.

    Args:
        dataset (ConcatDataset): Of two datasets, neither empty. The second is the original data.
        batch_size (int): Samples of one batch of one rank: the data loader's.
        share (float): Share of the second dataset, in (0, 1).
        seed (int, optional): The same in all ranks. Default: a random one, made the same.

    Raises:
        InputError: If an argument is out of its range, or a dataset is empty.
    """

    def __init__(self, dataset: ConcatDataset, batch_size: int, share: float,
                 seed: int | None = None) -> None:
        parts = getattr(dataset, 'datasets', ())
        if len(parts) != 2:
            raise InputError('FixedShareSampler: expected a ConcatDataset of two datasets, got '
                             f'{type(dataset).__name__} of {len(parts)}')
        self.sizes = tuple(map(len, parts))
        if 0 in self.sizes:
            raise InputError('FixedShareSampler: expected two datasets that are not empty, got '
                             f'{self.sizes[0]} and {self.sizes[1]} samples')
        if not 0 < share < 1:
            raise InputError(f'FixedShareSampler: expected a share in (0, 1), got {share}')
        if batch_size < 1:
            raise InputError('FixedShareSampler: expected a batch_size of at least 1, got '
                             f'{batch_size}')
        self.batch_size = batch_size
        self.share = share
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        # From the decimal notation: no float is exactly 0.1, and the error would add up.
        self._wanted = Fraction(str(share)) * batch_size

    def __iter__(self) -> Iterator[int]:
        """Begin at the first batch; the indices of this rank, batch after batch."""
        first, second = self._permutations(0), self._permutations(1)
        for batch in count():
            of_second = self._seconds_before(batch + 1) - self._seconds_before(batch)
            yield from self._part_of_rank(first, self.batch_size - of_second)
            yield from self._part_of_rank(second, of_second)

    def __len__(self) -> int:
        """Return the number of samples in both datasets; there is no end."""
        return sum(self.sizes)

    def _seconds_before(self, batch: int) -> int:
        return floor(batch * self._wanted + Fraction(1, 2))

    def _part_of_rank(self, indices: Iterator[int], number: int) -> list[int]:
        # Every rank draws the indices of all ranks, so that all of them know what is taken.
        return list(islice(indices, number * self.world_size))[self.rank::self.world_size]

    def _permutations(self, part: int) -> Iterator[int]:
        # Each dataset has its own random generator: with one for both, what is drawn from one
        # would depend on the size of the other.
        generator = torch.Generator().manual_seed(2 * self.seed + part)
        offset = self.sizes[0] * part
        while True:
            for index in torch.randperm(self.sizes[part], generator=generator).tolist():
                yield offset + index
