from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmdesra.models.vgg16 import CHANNELS, RECEPTIVE_RADIUS, STRIDES, VGG16Stages


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    return VGG16Stages().eval()


def test_parameters_are_those_of_torchvision(network):
    vgg = pytest.importorskip('torchvision.models.vgg')
    theirs = torch.nn.Module()
    theirs.features = vgg.make_layers(vgg.cfgs['D'])
    assert ({name: value.shape for name, value in network.state_dict().items()}
            == {name: value.shape for name, value in theirs.state_dict().items()})


@torch.no_grad()
def test_features_are_those_of_torchvision_with_l2_pooling(network):
    vgg = pytest.importorskip('torchvision.models.vgg')
    layers = vgg.make_layers(vgg.cfgs['D'])
    layers.load_state_dict(network.features.state_dict())
    image = torch.rand(2, 3, 37, 50)
    hann = torch.hann_window(5, periodic=False)[1:-1]
    window = torch.outer(hann, hann) / torch.outer(hann, hann).sum()

    x = image - torch.tensor([.485, .456, .406]).view(-1, 1, 1)
    x = x / torch.tensor([.229, .224, .225]).view(-1, 1, 1)
    expected = [image]
    for layer in layers:
        if isinstance(layer, torch.nn.MaxPool2d):
            expected.append(x)
            kernel = window.expand(x.shape[1], 1, 3, 3)
            x = (F.conv2d(x**2, kernel, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()
        else:
            x = layer(x.clone())  # torchvision's ReLU works in place

    got = network(image)
    assert [stage.shape[1] for stage in got] == list(CHANNELS)
    for stage, wanted, stride in zip(got, expected, STRIDES):
        torch.testing.assert_close(stage, wanted)
        assert stage.shape[2:] == (-(-37 // stride), -(-50 // stride))


def test_a_value_sees_no_further_than_stated(network):
    image = torch.rand(1, 3, 250, 32, requires_grad=True)
    network(image)[-1][0, :, 8].sum().backward()  # the value that belongs to row 128
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert 128 - RECEPTIVE_RADIUS <= rows.min() and rows.max() <= 128 + RECEPTIVE_RADIUS
