from __future__ import annotations

import pytest
import torch
from torch import nn

from mmdesra.models.srgan_discriminator import SRGANDiscriminator


def small(**kwargs):
    return SRGANDiscriminator(mid_channels=2, input_size=32, dense_channels=5, **kwargs)


def test_published_size():
    network = SRGANDiscriminator()
    # 8 convolutions, 7 batch norms, dense layers 18432 x 1024 and 1024 x 1, with biases.
    assert sum(parameter.numel() for parameter in network.parameters()) == 23_565_505
    with torch.no_grad():
        assert network.eval()(torch.rand(2, 3, 96, 96)).shape == (2, 1)


def test_output_is_a_logit():
    network = small().eval()
    nn.init.constant_(network.classifier[-1].bias, -7)
    nn.init.zeros_(network.classifier[-1].weight)
    assert network(torch.rand(1, 3, 32, 32)).item() == -7


@pytest.mark.parametrize('norm_eval', [True, False])
def test_norm_eval(norm_eval):
    network = small(norm_eval=norm_eval)
    mean = network.features[4].running_mean.clone()
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(network.eval()(x), network.train()(x)) == norm_eval
    assert torch.equal(mean, network.features[4].running_mean) == norm_eval


@pytest.mark.parametrize('shape', [(2, 3, 64, 64), (2, 3, 32, 48), (2, 1, 32, 32), (3, 32, 32)])
def test_other_patches(shape):
    with pytest.raises(ValueError, match=r'expected patches of shape \(N, 3, 32, 32\), got \('):
        small()(torch.rand(shape))


@pytest.mark.parametrize('size', [0, -16, 100])
def test_bad_input_size(size):
    with pytest.raises(ValueError, match=f'expected a positive multiple of 16, got {size}'):
        SRGANDiscriminator(input_size=size)
