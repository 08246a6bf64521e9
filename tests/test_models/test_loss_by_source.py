from __future__ import annotations

import pytest
import torch
from torch import nn

from mmdesra.models.loss_by_source import LossBySource


@pytest.fixture
def loss():
    return LossBySource(nn.L1Loss(), nn.MSELoss())


def test_each_sample_has_the_loss_of_its_target(loss):
    pred, target = torch.rand(2, 3, 3, 4, 4)
    loss.has_truth = torch.tensor([False, True, False])
    expected = (pred[::2] - target[::2]).abs().mean() + ((pred[1] - target[1])**2).mean()
    assert loss(pred, target).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize('has_truth, only', [(False, nn.L1Loss()), (True, nn.MSELoss())])
def test_a_part_without_samples_counts_nothing(loss, has_truth, only):
    pred, target = torch.rand(2, 2, 3, 4, 4)
    loss.has_truth = torch.tensor([has_truth] * 2)
    assert loss(pred, target) == only(pred, target)


def test_a_batch_that_is_told_nothing_is_one_of_pseudo_gts(loss):
    pred, target = torch.rand(2, 2, 3, 4, 4)
    assert loss(pred, target) == nn.L1Loss()(pred, target)


def test_a_batch_of_another_size_is_refused(loss):
    loss.has_truth = torch.tensor([True])
    with pytest.raises(ValueError, match='expected a batch of 1, got 2'):
        loss(*torch.rand(2, 2, 3, 4, 4))
