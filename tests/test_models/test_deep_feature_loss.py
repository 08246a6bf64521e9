from __future__ import annotations

import pytest
import torch

from mmdesra.models.deep_feature_loss import STAGES, DeepFeatureLoss
from mmdesra.models.vgg16 import VGG16Stages


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    return VGG16Stages()


def test_it_is_the_distance_of_unit_vectors(network):
    """By the law of cosines: |a - b|^2 = 2 - 2 cos of two of length 1."""
    pred, target = torch.rand(2, 2, 3, 32, 32)
    expected = sum((2 - 2 * torch.cosine_similarity(ours, theirs, dim=1)).mean()
                   for ours, theirs in zip(network(pred)[1:STAGES + 1],
                                           network(target)[1:STAGES + 1]))
    loss = DeepFeatureLoss(network)(pred, target)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-3) and loss > 0


def test_gradients_reach_the_image_and_not_the_network(network):
    loss = DeepFeatureLoss(network)
    pred = torch.rand(1, 3, 32, 32, requires_grad=True)
    loss(pred, torch.rand(1, 3, 32, 32)).backward()
    assert pred.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not loss.state_dict()  # a checkpoint would carry 60 MB more


def test_equal_images_have_no_distance_even_where_all_is_black(network):
    black = torch.zeros(1, 3, 32, 32, requires_grad=True)
    loss = DeepFeatureLoss(network)(black, black.detach())
    loss.backward()
    assert loss == 0 and torch.isfinite(black.grad).all()


def test_fewer_stages_are_the_first_ones(network):
    image = torch.rand(1, 3, 32, 32)
    assert len(network(image, 2)) == 3
    assert all(map(torch.equal, network(image, 2), network(image)))
