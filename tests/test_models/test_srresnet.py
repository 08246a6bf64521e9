from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mmdesra.models.srresnet import SRResNet


def small(**kwargs):
    return SRResNet(mid_channels=4, num_blocks=2, **kwargs)


def statistics(network):
    return {key: value.clone() for key, value in network.state_dict().items() if 'running' in key}


def test_published_size():
    network = SRResNet()
    count = {kind: sum(isinstance(module, kind) for module in network.modules())
             for kind in (nn.Conv2d, nn.BatchNorm2d, nn.PReLU)}
    assert list(count.values()) == [37, 33, 19]
    # Trainable values of the Keras model: 1,550,659 = 1,554,883 less 33 * 2 * 64 statistics.
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_550_659
    assert all(module.eps == 1e-3 for module in network.modules()
               if isinstance(module, nn.BatchNorm2d))


@pytest.mark.parametrize('factor', [2, 4])
@pytest.mark.parametrize('size', [(8, 8), (5, 7)])
def test_shape_and_range(factor, size):
    with torch.no_grad():
        y = small(upscale_factor=factor).eval()(torch.rand(2, 3, *size))
    assert y.shape == (2, 3, size[0] * factor, size[1] * factor)
    assert y.min() >= 0 and y.max() <= 1


def test_other_channels():
    assert small(in_channels=1, out_channels=2)(torch.rand(1, 1, 4, 4)).shape == (1, 2, 16, 16)


@pytest.mark.parametrize('norm_eval', [True, False])
def test_norm_eval(norm_eval):
    network = small(norm_eval=norm_eval)
    before = statistics(network)
    x = torch.rand(2, 3, 6, 6)
    evaluated = network.eval()(x)
    trained = network.train()(x)

    assert network.training
    assert torch.equal(trained, evaluated) == norm_eval
    after = statistics(network)
    assert all(torch.equal(before[key], after[key]) == norm_eval for key in before)


def test_batch_norm_weights_train_in_norm_eval():
    network = small().train()
    before = copy.deepcopy(network.blocks[0].bn1.weight.data)
    optimizer = torch.optim.SGD(network.parameters(), lr=1.)
    network(torch.rand(1, 3, 6, 6)).square().mean().backward()
    optimizer.step()
    assert not torch.equal(before, network.blocks[0].bn1.weight)


@pytest.mark.parametrize('name, value', [
    ('upscale_factor', 3), ('upscale_factor', 8), ('num_blocks', 0), ('mid_channels', -1)])
def test_bad_arguments(name, value):
    with pytest.raises(ValueError, match=f'{name}: expected .* got {value}'):
        SRResNet(**{name: value})
